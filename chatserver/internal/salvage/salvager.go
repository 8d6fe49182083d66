package salvage

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

const (
	// pageRows is how many messages are appended in one transaction.
	pageRows = 200
	// answerTime is how long a call waits to learn whether the other database is the one that is meant.
	answerTime = 1500 * time.Millisecond
	// elsewhereTime is how long another server is left alone that was found at work.
	elsewhereTime = 2 * time.Second
	// mostDetails is how many rooms an answer tells of.
	mostDetails = 50
)

// Options of a Salvager. All but Log are needed.
type Options struct {
	Store  *pg.Store
	Groups pg.Groups
	// Active tells whether this server accepts posts.
	Active func() bool
	Log    *slog.Logger // nil: slog.Default()
}

// Salvager salvages in the background when it is asked to. It is safe for concurrent use.
type Salvager struct {
	o       Options
	between func(string) error // of each work
	rows    int                // of each work

	mu      sync.Mutex
	ctx     context.Context // nil: it does not run
	workers sync.WaitGroup
	current *job
	later   time.Time // another server was at it: it is not disturbed before
}

// job is a work under way.
type job struct {
	tail adminapi.Tail
	told chan struct{} // closed when it is known whether it can go on
	once sync.Once
	err  error // set before told is closed
}

func (j *job) tell(err error) {
	j.once.Do(func() {
		j.err = err
		close(j.told)
	})
}

// New makes a salvager; Run lets it work.
func New(o Options) *Salvager {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Salvager{o: o, between: func(string) error { return nil }, rows: pageRows}
}

// Run lets it work until ctx ends, and waits for what is under way to end.
func (s *Salvager) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.workers.Wait()
	return nil
}

// Salvage sees to it that the salvage goes on, here or elsewhere, and tells how far it is. See adminapi.Client.Salvage.
func (s *Salvager) Salvage(ctx context.Context, in adminapi.Salvaging) (adminapi.Salvage, error) {
	if !s.o.Active() {
		return adminapi.Salvage{}, chat.Errorf(chat.Conflict, "this server is not activated: ask one that accepts posts")
	}
	record, err := s.o.Store.Salvaged(ctx, in.Tail)
	if err != nil {
		return adminapi.Salvage{}, err
	}
	if record == nil || !record.Done {
		if err := s.goOn(ctx, in); err != nil {
			return adminapi.Salvage{}, err
		}
		if record, err = s.o.Store.Salvaged(ctx, in.Tail); err != nil {
			return adminapi.Salvage{}, err
		}
	}
	if record == nil {
		record = &pg.SalvageRecord{Tail: in.Tail, Site: in.Site}
	}
	return tellOf(record), nil
}

// Salvages tells of all that the database knows of.
func (s *Salvager) Salvages(ctx context.Context) (adminapi.Salvages, error) {
	records, err := s.o.Store.Salvages(ctx)
	if err != nil {
		return adminapi.Salvages{}, err
	}
	all := adminapi.Salvages{Salvages: []adminapi.Salvage{}}
	for i := range records {
		all.Salvages = append(all.Salvages, tellOf(&records[i]))
	}
	return all, nil
}

// goOn has this server work at it, unless one does, and waits a while to learn whether that can be.
func (s *Salvager) goOn(ctx context.Context, in adminapi.Salvaging) error {
	j, err := s.job(in)
	if err != nil || j == nil {
		return err
	}
	t := time.NewTimer(answerTime)
	defer t.Stop()
	select {
	case <-j.told:
		return j.err
	case <-t.C:
	case <-ctx.Done():
	}
	return nil
}

// job gives the work under way, or begins one; nil: another server is at it.
func (s *Salvager) job(in adminapi.Salvaging) (*job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx == nil:
		return nil, chat.Errorf(chat.Unavailable, "this server starts or stops: ask again")
	case s.current != nil && s.current.tail != in.Tail:
		return nil, chat.Errorf(chat.Unavailable, "another tail is being salvaged, that of epoch %d: ask again", s.current.tail.Epoch)
	case s.current != nil:
		return s.current, nil
	case time.Now().Before(s.later):
		return nil, nil
	}
	j := &job{tail: in.Tail, told: make(chan struct{})}
	s.current = j
	ctx := s.ctx
	s.workers.Go(func() { s.run(ctx, j, in) })
	return j, nil
}

func (s *Salvager) run(ctx context.Context, j *job, in adminapi.Salvaging) {
	w := &work{Salvaging: in, store: s.o.Store, groups: s.o.Groups, log: s.o.Log, between: s.between, rows: s.rows, begun: func() { j.tell(nil) }}
	start := time.Now()
	err := w.do(ctx)
	elsewhere := errors.Is(err, errElsewhere)
	s.mu.Lock()
	s.current = nil
	if elsewhere {
		s.later = time.Now().Add(elsewhereTime)
	}
	s.mu.Unlock()
	switch {
	case elsewhere:
		err = nil
	case err != nil:
		s.o.Log.Warn("salvage waits", "site", in.Site, "epoch", in.Epoch, "err", err)
	default:
		s.o.Log.Info("salvage is done", "site", in.Site, "epoch", in.Epoch, "took", time.Since(start).Round(time.Millisecond))
	}
	j.tell(err)
}

// tellOf makes the answer of a record.
func tellOf(r *pg.SalvageRecord) adminapi.Salvage {
	a := adminapi.Salvage{Tail: r.Tail, Site: r.Site, State: adminapi.SalvageRunning, Differences: slices.Clone(r.Differences), Waiting: r.Waiting}
	if r.Done {
		a.State = adminapi.SalvageDone
	}
	for _, room := range r.Rooms {
		a.Rooms++
		if room.Done {
			a.RoomsDone++
		}
		a.Recovered += room.Recovered
		a.Resent += room.Resent
		a.Details = append(a.Details, adminapi.RoomSalvage{Room: room.Name, Found: room.Recovered + room.Resent, Recovered: room.Recovered,
			Resent: room.Resent, Recreated: room.Recreated, Done: room.Done})
		if room.Removed && len(a.Differences) < mostDifferences {
			a.Differences = append(a.Differences, "room "+strconv.Quote(room.Name)+" was removed here meanwhile: the rest of its posts went with it")
		}
	}
	a.Found = a.Recovered + a.Resent
	slices.SortStableFunc(a.Details, func(x, y adminapi.RoomSalvage) int { return cmp.Compare(y.Found, x.Found) })
	a.Details = a.Details[:min(len(a.Details), mostDetails)]
	return a
}
