package twosites

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"chatpool.dev/chatserver/adminapi"
)

// world is all that is played of one pool. One lock is held for every change and question.
type world struct {
	lock    sync.Mutex
	sides   map[string]*side
	records int64    // how many were ever written
	systems int64    // how many databases were ever made
	faults  []string // what must never be
	bridged bool     // servers reach the other site's database, and salvage
	witness bool     // the servers' configuration says that there is one
}

func newWorld() *world {
	w := &world{sides: map[string]*side{}}
	for _, name := range []string{"home", "backup"} {
		w.sides[name] = &side{world: w, site: name}
	}
	return w
}

// mode is what a database does.
type mode string

const (
	open       mode = "open"
	recovering mode = "in recovery"
	stopped    mode = "stopped"
)

// side is one site: its database and its chat servers. All but the Cluster is there.
type side struct {
	world *world
	site  string

	db      *database     // nil: there are no volumes
	servers []*chatServer // nil: no pods yet
	// oldest is the first record of which the log is still kept.
	oldest int
}

// other is the other site.
func (s *side) other() *side {
	for name, one := range s.world.sides {
		if name != s.site {
			return one
		}
	}
	return nil
}

// record is one entry of a log. Each is written once and copied with everything before it: two logs whose n-th records
// are the same are the same up to there.
type record struct {
	id       int64
	timeline int64 // that begins here; 0: none
	epoch    *adminapi.Epoch
	beat     int64
	closed   *int64
	salvaged *adminapi.Tail
}

// database is a log, and what follows from it.
type database struct {
	system  int64
	log     []record
	mode    mode
	source  string // site that it follows in recovery; "": nobody
	streams bool
	demoted bool // and no token was given for it yet

	timeline int64
	history  []adminapi.Fork // of timelines that were left
	epochs   []adminapi.Epoch
	beat     int64
	closed   int64
	salvaged []adminapi.Tail
}

const (
	firstLSN  = 0x1000000
	recordLSN = 0x100
)

// lsnAt is where the n-th record begins.
func lsnAt(n int) adminapi.LSN { return adminapi.LSN(firstLSN + n*recordLSN) }

func (d *database) end() adminapi.LSN { return lsnAt(len(d.log)) }

// apply adds a record and does what it says.
func (d *database) apply(r record) {
	switch {
	case r.timeline != 0:
		if d.timeline != 0 {
			d.history = append(d.history, adminapi.Fork{Timeline: d.timeline, LSN: d.end()})
		}
		d.timeline = r.timeline
	case r.epoch != nil:
		d.epochs = append([]adminapi.Epoch{*r.epoch}, d.epochs...)
	case r.salvaged != nil:
		d.salvaged = append(d.salvaged, *r.salvaged)
	case r.closed != nil:
		d.closed = *r.closed
	case r.beat != 0:
		d.beat = r.beat
	}
	d.log = append(d.log, r)
}

// newest is the newest epoch; 0: the schema is not there.
func (d *database) newest() int64 {
	if len(d.epochs) == 0 {
		return 0
	}
	return d.epochs[0].Epoch
}

func (d *database) answers() bool  { return d != nil && d.mode != stopped }
func (d *database) writable() bool { return d != nil && d.mode == open }

// write appends to a database that is open.
func (w *world) write(d *database, r record) {
	w.records++
	r.id = w.records
	d.apply(r)
}

// make makes an empty database on timeline 1.
func (w *world) make() *database {
	w.systems++
	d := &database{system: 7_000_000_000_000_000_000 + w.systems, mode: open}
	w.write(d, record{timeline: 1})
	return d
}

// copyOf is a base backup.
func copyOf(from *database, site string) *database {
	d := &database{system: from.system, mode: recovering, source: site}
	for _, r := range from.log {
		d.apply(r)
	}
	return d
}

// promote opens a database on a timeline of its own.
func (w *world) promote(d *database) {
	d.mode, d.source, d.streams = open, "", false
	w.write(d, record{timeline: d.timeline + 1})
}

// demote shuts a database down, which writes a last record, and starts it again in recovery.
func (w *world) demote(d *database, source string) {
	w.write(d, record{})
	d.mode, d.source, d.demoted = recovering, source, true
}

// beginsAs tells whether one log is a beginning of the other, on its timeline.
func (d *database) beginsAs(source *database) bool {
	n := len(d.log)
	return d.system == source.system && n <= len(source.log) && d.log[n-1].id == source.log[n-1].id
}

// replicate copies what followers lack. A source that has dropped what is needed, or a log that differs, ends it.
func (w *world) replicate() {
	for _, s := range w.sides {
		d := s.db
		if !d.answers() || d.mode != recovering {
			continue
		}
		source := w.sides[d.source]
		d.streams = source != nil && source.db.answers() && d.beginsAs(source.db) && len(d.log) >= source.oldest
		if d.streams {
			for _, r := range source.db.log[len(d.log):] {
				d.apply(r)
			}
		}
	}
}

// facts are what a side's database says of itself; nil: it does not answer.
func (s *side) facts() *adminapi.DatabaseFacts {
	d := s.db
	if !d.answers() {
		return nil
	}
	system, timeline, end, oldest := strconv.FormatInt(d.system, 10), d.timeline, d.end(), lsnAt(s.oldest)
	f := &adminapi.DatabaseFacts{
		InRecovery: d.mode == recovering, SystemIdentifier: &system, Timeline: &timeline, OldestLSN: &oldest,
		Beat: d.beat, Epochs: d.epochs, ClosedEpoch: d.closed, Salvaged: d.salvaged, Followers: []adminapi.Follower{},
	}
	if d.mode == open {
		f.CurrentLSN = &end
	} else {
		f.ReplayedLSN = &end
		if d.streams {
			f.ReceivedLSN = &end
			f.Receiver = &adminapi.Receiver{Status: "streaming", Timeline: d.timeline, SenderHost: d.source}
		}
	}
	for name, other := range s.world.sides {
		if other.db.answers() && other.db.streams && other.db.source == s.site {
			state, at := "streaming", other.db.end()
			f.Followers = append(f.Followers, adminapi.Follower{Name: name, State: &state, Sent: &end, Written: &at, Flushed: &at, Replayed: &at})
		}
	}
	return f
}

// run lets time go on until the world ends.
func (w *world) run(over <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		w.lock.Lock()
		w.replicate()
		for _, s := range w.sides {
			for _, server := range s.servers {
				server.look()
			}
		}
		w.watch()
		w.lock.Unlock()
	}
}

// watch notes when two servers are activated for different epochs.
func (w *world) watch() {
	var first *chatServer
	for _, s := range w.sides {
		for _, v := range s.servers {
			switch v.lapse(); {
			case v.epoch == 0:
			case first == nil:
				first = v
			case v.epoch != first.epoch:
				w.faults = append(w.faults, fmt.Sprintf("%s/%s serves epoch %d while %s/%s serves %d",
					v.side.site, v.name, v.epoch, first.side.site, first.name, first.epoch))
			}
		}
	}
}

// ask runs a question or a change while nobody else touches the world.
func ask[T any](w *world, question func() T) T {
	w.lock.Lock()
	defer w.lock.Unlock()
	return question()
}
