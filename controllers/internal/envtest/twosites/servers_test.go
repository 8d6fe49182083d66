package twosites

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// chatServer plays a chat server, as far as its right to accept posts goes. The world's lock is held in every method.
type chatServer struct {
	side     *side
	name     string
	instance int // counts its starts

	epoch    int64 // that it is activated for; 0: none
	how      string
	quiesced int64
	highest  int64
	shut     int64 // epochs up to this one only the operator opens
	shuts    int
	watched  int // how often a neighbour was seen to beat

	from, ends time.Time // of the right's term: when its ticket was given, when it ends; the zero time: never
}

// restart begins a new process.
func (v *chatServer) restart() {
	*v = chatServer{side: v.side, name: v.name, instance: v.instance + 1}
}

// look is what a server does all the time: it sees whether the epoch goes on, beats, and watches its neighbours.
func (v *chatServer) look() {
	v.lapse()
	d := v.side.db
	if !d.answers() {
		return
	}
	newest := d.newest()
	v.highest = max(v.highest, newest)
	if mine := max(v.epoch, v.quiesced); mine != 0 && mine != newest {
		v.epoch, v.quiesced = 0, 0
	}
	if v.epoch != 0 && d.closed >= v.epoch {
		v.epoch, v.quiesced = 0, v.epoch
	}
	switch {
	case !d.writable() || newest == 0 || d.closed >= newest:
		v.watched = 0
	case v.epoch != 0:
		v.side.world.write(d, record{beat: max(d.beat, newest<<32) + 1})
	case v.shut < newest && newest >= v.highest && v.neighbour():
		if v.watched++; v.watched > 3 {
			v.open(newest, adminapi.ByNeighbour)
		}
	default:
		v.watched = 0
	}
}

// lapse ends a right that was not renewed.
func (v *chatServer) lapse() {
	if v.epoch != 0 && v.over(v.ends) {
		v.epoch, v.quiesced, v.watched = 0, 0, 0
		v.shuts++
	}
}

func (v *chatServer) over(ends time.Time) bool { return !ends.IsZero() && !time.Now().Before(ends) }

func (v *chatServer) neighbour() bool {
	if v.side.world.witness {
		return false // its word has no end
	}
	for _, n := range v.side.servers {
		if n.epoch != 0 {
			return true
		}
	}
	return false
}

func (v *chatServer) open(epoch int64, how string) {
	v.epoch, v.how, v.quiesced, v.shut, v.watched = epoch, how, 0, 0, 0
	v.from, v.ends = time.Time{}, time.Time{}
	v.highest = max(v.highest, epoch)
	v.side.world.watch()
}

func (v *chatServer) activation() adminapi.Activation {
	v.lapse()
	a := adminapi.Activation{Epoch: v.epoch, How: v.how, Quiesced: v.quiesced, Highest: v.highest}
	if a.Ticket = fmt.Sprint(v.ticketHead(), time.Now().UnixNano()); v.epoch != 0 && !v.ends.IsZero() {
		a.EndsInSeconds = time.Until(v.ends).Seconds()
	}
	return a
}

func (v *chatServer) ticketHead() string {
	return fmt.Sprintf("%s/%d/%d/", v.name, v.instance, v.shuts)
}

// term is what an Opening asks for, from its ticket on.
func (v *chatServer) term(o adminapi.Opening) (from, ends time.Time, err error) {
	rest, mine := strings.CutPrefix(o.Ticket, v.ticketHead())
	at, wrong := strconv.ParseInt(rest, 10, 64)
	from = time.Unix(0, at)
	if !mine || wrong != nil || time.Since(from) > adminapi.TicketTime {
		return from, ends, refuse(chat.Unavailable, "ticket", "it is not of now")
	}
	if o.KeepSeconds > 0 {
		ends = from.Add(time.Duration(o.KeepSeconds * float64(time.Second)))
	}
	if v.over(ends) {
		return from, ends, refuse(chat.Unavailable, "keepSeconds", "it is over")
	}
	return from, ends, nil
}

func refuse(kind chat.Kind, field, format string, args ...any) error {
	return &chat.Error{Kind: kind, Field: field, Text: fmt.Sprintf(format, args...)}
}

// activate is POST /v1/activation.
func (v *chatServer) activate(o adminapi.Opening) error {
	v.lapse()
	d := v.side.db
	from, ends, err := v.term(o)
	switch {
	case o.Site != v.side.site:
		return refuse(chat.Conflict, "site", "%q: this server is of %q", o.Site, v.side.site)
	case o.Epoch < v.highest:
		return refuse(chat.Conflict, "epoch", "%d: %d is known here", o.Epoch, v.highest)
	case err != nil:
		return err
	case o.KeepSeconds > 0 && v.epoch == o.Epoch:
		if from.After(v.from) {
			v.from, v.ends = from, ends
		}
		return nil
	case !d.writable():
		return refuse(chat.Unavailable, "", "the database takes no writes")
	case o.Epoch != d.newest():
		return refuse(chat.Conflict, "epoch", "%d: the database is in epoch %d", o.Epoch, d.newest())
	case d.epochs[0].Site != "" && d.epochs[0].Site != o.Site:
		return refuse(chat.Conflict, "site", "epoch %d belongs to %q", o.Epoch, d.epochs[0].Site)
	}
	if d.closed >= o.Epoch {
		if o.Join {
			return refuse(chat.Unavailable, "epoch", "%d is closed", o.Epoch)
		}
		before := o.Epoch - 1
		v.side.world.write(d, record{closed: &before})
	}
	v.open(o.Epoch, adminapi.ByOperator)
	v.from, v.ends = from, ends
	return nil
}

// deactivate is DELETE /v1/activation.
func (v *chatServer) deactivate() {
	v.epoch, v.quiesced, v.shut, v.watched = 0, 0, v.highest, 0
	v.shuts++
}

// quiesce is POST /v1/quiesce.
func (v *chatServer) quiesce(epoch int64) error {
	d := v.side.db
	if epoch < v.highest {
		return refuse(chat.Conflict, "epoch", "%d: %d is known here", epoch, v.highest)
	}
	had := max(v.epoch, v.quiesced) == epoch
	v.epoch, v.quiesced = 0, 0
	v.shuts++
	if had {
		v.quiesced = epoch
	}
	switch {
	case !d.answers():
		return refuse(chat.Unavailable, "", "the database does not answer")
	case d.mode == recovering:
	case d.newest() != epoch:
		return refuse(chat.Conflict, "epoch", "%d: the database is in epoch %d", epoch, d.newest())
	case d.closed < epoch:
		v.side.world.write(d, record{closed: &epoch})
	}
	return nil
}

// record is POST /v1/epoch.
func (v *chatServer) record(r adminapi.Recording) error {
	d := v.side.db
	switch {
	case r.Site != v.side.site:
		return refuse(chat.Conflict, "site", "%q: this server is of %q", r.Site, v.side.site)
	case !d.writable():
		return refuse(chat.Unavailable, "", "the database takes no writes")
	case r.Epoch < d.newest():
		return refuse(chat.Conflict, "epoch", "%d: the database is in epoch %d", r.Epoch, d.newest())
	case r.Epoch == d.newest():
		return nil
	}
	e := adminapi.Epoch{Epoch: r.Epoch, Site: r.Site, ForkBeat: d.beat}
	if r.Timeline != 0 {
		for _, f := range d.history {
			if f.Timeline == r.Timeline {
				e.Fork = &adminapi.Fork{Timeline: f.Timeline, LSN: f.LSN}
			}
		}
		if e.Fork == nil {
			return refuse(chat.Conflict, "timeline", "%d: it was never left", r.Timeline)
		}
	}
	v.side.world.write(d, record{epoch: &e})
	return nil
}

// salvage is POST /v1/salvage. It is done as soon as the other database is reached.
func (v *chatServer) salvage(s adminapi.Salvaging) (adminapi.Salvage, error) {
	there, here := v.side.other().db, v.side.db
	switch {
	case v.epoch == 0:
		return adminapi.Salvage{}, refuse(chat.Conflict, "", "this server is not activated")
	case !v.side.world.bridged || !there.answers():
		return adminapi.Salvage{}, refuse(chat.Unavailable, "", "the other database does not answer")
	case there.mode != recovering || there.end() != s.LSN || there.timeline != s.Timeline || there.newest() != s.Epoch:
		return adminapi.Salvage{}, refuse(chat.Unavailable, "tail", "it is not what is there")
	}
	v.side.world.write(here, record{salvaged: &s.Tail})
	return adminapi.Salvage{Tail: s.Tail, Site: s.Site, State: adminapi.SalvageRunning, Rooms: 1}, nil
}

// serve answers one request of the admin API.
func (v *chatServer) serve(method, path string, body io.Reader) (any, error) {
	switch method + " " + path {
	case "GET /v1/database":
		s := adminapi.DatabaseState{Facts: v.side.facts(), Activation: v.activation()}
		if s.Facts == nil {
			s.Unreachable = "it does not answer"
		}
		return s, nil
	case "GET /v1/activation":
	case "POST /v1/activation":
		var o adminapi.Opening
		if err := json.NewDecoder(body).Decode(&o); err != nil {
			return nil, err
		}
		if err := v.activate(o); err != nil {
			return nil, err
		}
	case "DELETE /v1/activation":
		v.deactivate()
	case "POST /v1/quiesce":
		var q adminapi.Quiescing
		if err := json.NewDecoder(body).Decode(&q); err != nil {
			return nil, err
		}
		if err := v.quiesce(q.Epoch); err != nil {
			return nil, err
		}
	case "POST /v1/epoch":
		var r adminapi.Recording
		if err := json.NewDecoder(body).Decode(&r); err != nil {
			return nil, err
		}
		return struct{}{}, v.record(r)
	case "POST /v1/salvage":
		var s adminapi.Salvaging
		if err := json.NewDecoder(body).Decode(&s); err != nil {
			return nil, err
		}
		return v.salvage(s)
	case "GET /v1/salvage":
		all := adminapi.Salvages{}
		for _, tail := range v.side.db.salvaged {
			all.Salvages = append(all.Salvages, adminapi.Salvage{Tail: tail, Site: v.side.other().site, State: adminapi.SalvageDone, Rooms: 1, RoomsDone: 1, Found: 3, Recovered: 3})
		}
		return all, nil
	default:
		return nil, refuse(chat.NotFound, "", "%s %s is not played", method, path)
	}
	return v.activation(), nil
}

// handler serves the chat servers of one site, of all pools: /NAMESPACE/POD/v1/...
func (s *site) handler(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	found, _ := s.worlds.Load(parts[0])
	world, _ := found.(*world)
	if len(parts) != 3 || world == nil || r.TLS.PeerCertificates[0].Subject.CommonName != adminapi.OperatorName {
		http.Error(w, "no such pool", http.StatusForbidden)
		return
	}
	type reply struct {
		answer any
		err    error
	}
	got := ask(world, func() reply {
		for _, v := range world.sides[s.name].servers {
			if v.name == parts[1] {
				a, err := v.serve(r.Method, "/"+parts[2], r.Body)
				return reply{a, err}
			}
		}
		return reply{nil, refuse(chat.Unavailable, "", "no such server")}
	})
	w.Header().Set("Content-Type", "application/json")
	if got.err != nil {
		problem, status := adminapi.ProblemOf(got.err)
		w.WriteHeader(status)
		got.answer = problem
	}
	_ = json.NewEncoder(w).Encode(got.answer)
}
