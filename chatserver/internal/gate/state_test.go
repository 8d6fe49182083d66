package gate

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/internal/store/pg"
)

// step is one second in the life of a server that watches: what its database shows.
type step struct {
	counter  int64
	instance string
	// More than one second, or something else than the heartbeat of home in epoch 1:
	after          time.Duration
	newest, closed int64
	site           string
	readOnly       bool
	frozen         bool // the loop stood still before this look
	deactivated    bool // before this look
}

func TestWhatANeighbourMustShow(t *testing.T) {
	for sentence, c := range map[string]struct {
		steps []step
		want  int64
	}{
		"two moves of one neighbour activate":      {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "b"}}, 1},
		"one move is not enough":                   {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 2, instance: "b"}}, 0},
		"many moves between two looks are one":     {[]step{{counter: 1, instance: "b"}, {counter: 9, instance: "b"}}, 0},
		"one move each of two is not enough":       {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "c"}}, 0},
		"two moves of one among others activate":   {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "c"}, {counter: 4, instance: "b"}}, 1},
		"own moves of before do not count":         {[]step{{counter: 1, instance: "me"}, {counter: 2, instance: "me"}, {counter: 3, instance: "me"}}, 0},
		"another site's do not count":              {[]step{{counter: 1, instance: "b", site: "backup"}, {counter: 2, instance: "b", site: "backup"}, {counter: 3, instance: "b", site: "backup"}}, 0},
		"a database that is only read does not":    {[]step{{counter: 1, instance: "b", readOnly: true}, {counter: 2, instance: "b", readOnly: true}, {counter: 3, instance: "b", readOnly: true}}, 0},
		"a quiesced epoch does not":                {[]step{{counter: 1, instance: "b", closed: 1}, {counter: 2, instance: "b", closed: 1}, {counter: 3, instance: "b", closed: 1}}, 0},
		"watching begins anew after a pause":       {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "b", after: 6 * time.Second}, {counter: 4, instance: "b"}}, 0},
		"watching begins anew after a standstill":  {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "b", after: 16 * time.Second, frozen: true}, {counter: 4, instance: "b"}}, 0},
		"watching begins anew with a new epoch":    {[]step{{counter: 1, instance: "b"}, {counter: 2, instance: "b"}, {counter: 3, instance: "b", newest: 3}, {counter: 4, instance: "b", newest: 3}}, 0},
		"an epoch below one known does not count":  {[]step{{counter: 1, instance: "b", newest: 3}, {counter: 2, instance: "b"}, {counter: 3, instance: "b"}, {counter: 4, instance: "b"}}, 0},
		"who was shut before he looked stays so":   {[]step{{counter: 1, instance: "b", deactivated: true}, {counter: 2, instance: "b"}, {counter: 3, instance: "b"}}, 0},
		"who was shut takes a higher epoch":        {[]step{{counter: 1, instance: "b", deactivated: true}, {counter: 1, instance: "b", newest: 3}, {counter: 2, instance: "b", newest: 3}, {counter: 3, instance: "b", newest: 3}}, 3},
		"a heartbeat that goes back begins anew":   {[]step{{counter: 8, instance: "b"}, {counter: 9, instance: "b"}, {counter: 1, instance: "b"}, {counter: 2, instance: "b"}}, 0},
		"the first heartbeat of all is a move too": {[]step{{}, {counter: 1, instance: "b"}, {counter: 2, instance: "b"}}, 1},
	} {
		t.Run(sentence, func(t *testing.T) {
			now := time.Duration(0)
			s := newState("home", "me", now)
			for _, st := range c.steps {
				passed := max(st.after, time.Second)
				for until := now + passed; now < until; {
					if now += time.Second; !st.frozen {
						s.live(now)
					}
				}
				s.live(now)
				if st.deactivated {
					s.deactivate(now)
				}
				w := pg.Watched{Newest: max(st.newest, 1), Closed: st.closed, ReadOnly: st.readOnly}
				if st.counter > 0 {
					h := pg.Heart{Epoch: w.Newest, Site: "home", Pod: "pod-" + st.instance, Instance: st.instance, Counter: st.counter}
					if st.site != "" {
						h.Site = st.site
					}
					w.Hearts = []pg.Heart{h}
				}
				s.look(now, now, w)
			}
			if p, ok := s.pass(now); p.Epoch != c.want || ok != (c.want > 0) {
				t.Errorf("activated for %d: want %d", p.Epoch, c.want)
			}
			if c.want > 0 && (s.how != adminapi.ByNeighbour || s.neighbour != "pod-b") {
				t.Errorf("activated by %s %q", s.how, s.neighbour)
			}
		})
	}
}

func TestHowARightEnds(t *testing.T) {
	now := 100 * time.Second
	for sentence, c := range map[string]struct {
		happens func(s *state)
		ends    bool
	}{
		"the database is away for long": {func(s *state) {
			for i := range 100 {
				s.live(now + time.Duration(i)*time.Second)
			}
		}, false},
		"a standstill just short enough":             {func(s *state) { s.live(now + ColdStartAfter) }, false},
		"a standstill too long":                      {func(s *state) { s.live(now + ColdStartAfter + 1) }, true},
		"the same epoch is seen":                     {func(s *state) { s.look(now, now, pg.Watched{Newest: 3}) }, false},
		"a newer epoch is seen":                      {func(s *state) { s.look(now, now, pg.Watched{Newest: 4}) }, true},
		"the database went back":                     {func(s *state) { s.look(now, now, pg.Watched{Newest: 1}) }, true},
		"the database was quiesced":                  {func(s *state) { s.look(now, now, pg.Watched{Newest: 3, Closed: 3}) }, true},
		"it was quiesced before it was opened":       {func(s *state) { s.look(now, now-time.Second, pg.Watched{Newest: 3, Closed: 3}) }, false},
		"a look from before the epoch was made":      {func(s *state) { s.look(now, now-time.Second, pg.Watched{Newest: 1}) }, false},
		"the operator shuts it":                      {func(s *state) { s.deactivate(now) }, true},
		"it is being quiesced":                       {func(s *state) { s.quiesce(now, 3) }, true},
		"its term is not over":                       {func(s *state) { s.extend(now, 3, term{now - 1, now + 3}); s.live(now + 2) }, false},
		"its term is over":                           {func(s *state) { s.extend(now, 3, term{now - 1, now + 2}); s.live(now + 2) }, true},
		"its term is over, which is not noticed yet": {func(s *state) { s.extend(now, 3, term{now - 1, now}) }, true},
		"its term is renewed": {func(s *state) {
			s.extend(now, 3, term{now - 1, now + 2})
			s.extend(now+1, 3, term{now, now + 4})
			s.live(now + 3)
		}, false},
		"an older word comes later": {func(s *state) {
			s.extend(now, 3, term{now, now + 2})
			s.extend(now+1, 3, term{now - 1, 0})
			s.open(now+1, 3, term{now - 1, 0})
			s.live(now + 2)
		}, true},
		"a newer word has no end": {func(s *state) {
			s.extend(now, 3, term{now - 1, now + 2})
			s.extend(now+1, 3, term{now, 0})
			s.live(now + 2)
		}, false},
		"it is renewed too late": {func(s *state) {
			s.extend(now, 3, term{now - 1, now + 2})
			s.extend(now+2, 3, term{now + 1, now + 9})
			s.live(now + 2)
		}, true},
		"it is renewed for another epoch": {func(s *state) {
			s.extend(now, 3, term{now - 1, now + 2})
			s.extend(now+1, 5, term{now, now + 9})
			s.live(now + 2)
		}, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newState("home", "me", now)
			if !s.open(now, 3, term{}) {
				t.Fatal("not opened")
			}
			before, _ := s.pass(now)
			c.happens(s)
			if _, ok := s.pass(s.alive); ok == c.ends {
				t.Errorf("ended: %v, want %v", !ok, c.ends)
			}
			if _, ok := s.pass(s.alive + ColdStartAfter + 1); ok {
				t.Error("the right outlives a standstill that the loop has not noticed yet")
			}
			stood := s.alive > now+ColdStartAfter && sentence == "a standstill too long"
			if gone := stood || s.life > 0 || s.term.over(s.alive); s.holds(s.alive, before) == gone {
				t.Errorf("a pass from before holds: %v", !gone)
			}
			if s.open(now, 2, term{}) {
				t.Error("opened for a lower epoch")
			}
		})
	}
}

func TestHowLongARightIsOnlyQuiesced(t *testing.T) {
	now := 100 * time.Second
	closed := pg.Watched{Newest: 3, Closed: 3}
	for sentence, c := range map[string]struct {
		happens func(s *state)
		want    int64
	}{
		"this server is asked":            {func(s *state) { s.quiesce(now, 3); s.closed() }, 3},
		"it is asked again":               {func(s *state) { s.quiesce(now, 3); s.closed(); s.quiesce(now, 3); s.closed() }, 3},
		"the database has not answered":   {func(s *state) { s.quiesce(now, 3) }, 3},
		"another server was asked":        {func(s *state) { s.look(now, now, closed) }, 3},
		"it is seen again and again":      {func(s *state) { s.look(now, now, closed); s.look(now, now, closed) }, 3},
		"the database is demoted then":    {func(s *state) { s.quiesce(now, 3); s.look(now, now, pg.Watched{Newest: 3, Closed: 3, ReadOnly: true}) }, 3},
		"it is shut then":                 {func(s *state) { s.quiesce(now, 3); s.deactivate(now) }, 0},
		"it was shut before":              {func(s *state) { s.deactivate(now); s.quiesce(now, 3) }, 0},
		"it is asked for a higher epoch":  {func(s *state) { s.quiesce(now, 5) }, 0},
		"a newer epoch comes":             {func(s *state) { s.quiesce(now, 3); s.look(now, now, pg.Watched{Newest: 4, Closed: 3}) }, 0},
		"a newer epoch is recorded":       {func(s *state) { s.quiesce(now, 3); s.hear(now, 5) }, 0},
		"it stands still then":            {func(s *state) { s.quiesce(now, 3); s.live(now + ColdStartAfter + 1) }, 0},
		"it stood still before":           {func(s *state) { s.quiesce(now+ColdStartAfter+1, 3) }, 0},
		"it is opened again":              {func(s *state) { s.quiesce(now, 3); s.open(now, 3, term{}) }, 0},
		"it is activated and nobody asks": {func(*state) {}, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newState("home", "me", now)
			s.open(now, 3, term{})
			c.happens(s)
			if got := s.held(s.alive); got != c.want {
				t.Errorf("quiesced: %d, want %d", got, c.want)
			}
			if s.held(s.alive+ColdStartAfter+1) != 0 {
				t.Error("it outlives a standstill that the loop has not noticed yet")
			}
			if _, ok := s.pass(s.alive); ok && s.quiesced != 0 {
				t.Error("both activated and quiesced")
			}
		})
	}
	s := newState("home", "me", now)
	if s.quiesce(now, 3); s.held(now) != 0 {
		t.Error("a server that was never activated is quiesced")
	}
}

// world is a site under the property test: a database and servers, some of them frozen.
type world struct {
	t       *rapid.T
	now     time.Duration
	newest  int64
	closed  int64
	heart   pg.Heart
	servers []*server
	late    []pg.Heart // moves of processes that have ended, still under way
	cold    bool       // all stood still, and nobody was opened since
	lives   int
	witness bool // every word of the operator has an end
	// alive is when an instance was last seen to have a right.
	alive map[string]time.Duration
	// activations counts the servers that a neighbour has activated.
	activations int
}

type server struct {
	*state
	frozen   bool
	move     *pg.Heart // under way
	waiting  bool      // a look is under way
	asked    time.Duration
	answer   *pg.Watched
	began    time.Duration // when its watch began
	accepted int64         // the highest epoch that it wrote in
	words    time.Duration // until when the operator's words last at most
}

func (w *world) start() *server {
	w.lives++
	s := &server{state: newState("home", fmt.Sprintf("instance-%d", w.lives), w.now)}
	s.alone = w.witness
	return s
}

func (w *world) land(h pg.Heart) {
	if h.Epoch != w.newest || w.closed >= h.Epoch {
		return
	}
	if w.heart.Epoch != h.Epoch {
		w.heart = pg.Heart{}
	}
	h.Counter = w.heart.Counter + 1
	w.heart = h
}

func (w *world) pick() *server { return rapid.SampledFrom(w.servers).Draw(w.t, "server") }

// pass lets time go by; the loops of servers that are not frozen run.
func (w *world) pass(d time.Duration) {
	for until := w.now + d; w.now < until; {
		w.now += min(time.Second, until-w.now)
		for _, s := range w.servers {
			if !s.frozen {
				s.live(w.now)
			}
		}
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"time goes by": func(t *rapid.T) {
			w.pass(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "time")))
		},
		"some quiet seconds": func(t *rapid.T) {
			for range rapid.IntRange(1, 4).Draw(t, "seconds") {
				w.pass(time.Second)
				for _, s := range w.servers {
					w.ask(s)
					w.work(s)
					w.work(s)
					w.hear(s)
				}
			}
		},
		"ask":                func(*rapid.T) { w.ask(w.pick()) },
		"the database works": func(*rapid.T) { w.work(w.pick()) },
		"the database does what it was late with": func(*rapid.T) {
			if len(w.late) > 0 {
				w.land(w.late[0])
				w.late = w.late[1:]
			}
		},
		"answer":      func(*rapid.T) { w.hear(w.pick()) },
		"one freezes": func(*rapid.T) { w.pick().frozen = true },
		"one thaws":   func(*rapid.T) { w.pick().frozen = false },
		"all stand still": func(t *rapid.T) {
			w.now += ColdStartAfter + time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "time"))
			w.cold = true
		},
		"a process ends and starts": func(t *rapid.T) {
			i := rapid.IntRange(0, len(w.servers)-1).Draw(t, "i")
			if m := w.servers[i].move; m != nil {
				w.late = append(w.late, *m)
			}
			w.servers[i] = w.start()
		},
		"the operator opens": func(t *rapid.T) {
			s := w.pick()
			if s.frozen {
				return
			}
			epoch := w.newest
			if rapid.Bool().Draw(t, "mint") {
				epoch += 2
			}
			if epoch < s.highest {
				t.Fatalf("a server has heard of epoch %d, the database has %d", s.highest, w.newest)
			}
			t1 := w.term(s)
			if t1.over(w.now) {
				return
			}
			w.newest, w.closed = epoch, min(w.closed, epoch-1)
			if !s.open(w.now, epoch, t1) {
				t.Fatal("not opened")
			}
			w.cold = false
		},
		"the operator renews": func(t *rapid.T) {
			s := w.pick()
			if s.frozen {
				return
			}
			s.thaw(w.now)
			s.lapse(w.now)
			_, had := s.state.pass(w.now)
			if t1 := w.term(s); !t1.over(w.now) && s.extend(w.now, w.newest, t1) && !had {
				t.Fatal("a right that there was not is renewed")
			}
		},
		"a right runs out before it is noticed": func(*rapid.T) {
			s := w.pick()
			if left := s.term.ends - w.now; left > 0 {
				before := s.frozen
				s.frozen = true
				w.pass(left)
				w.check()
				s.frozen = before
			}
		},
		"the operator shuts one": func(*rapid.T) {
			if s := w.pick(); !s.frozen {
				s.deactivate(w.now)
			}
		},
		"the operator quiesces": func(*rapid.T) {
			s := w.pick()
			if s.frozen {
				return
			}
			s.quiesce(w.now, w.newest)
			w.closed = w.newest
			s.closed()
		},
		"write": func(t *rapid.T) {
			s := w.pick()
			p, ok := s.state.pass(w.now)
			if !ok || p.Epoch != w.newest || w.closed >= p.Epoch {
				return
			}
			if p.Epoch < s.accepted {
				t.Fatalf("wrote in epoch %d after %d", p.Epoch, s.accepted)
			}
			s.accepted = p.Epoch
		},
		"": func(*rapid.T) { w.check() }, // after each of the others
	}
}

// term is for a ticket that the server gave some time ago.
func (w *world) term(s *server) term {
	if !w.witness {
		return term{}
	}
	from := w.now - time.Duration(rapid.Int64Range(0, int64(adminapi.TicketTime)).Draw(w.t, "age of the ticket"))
	t := term{from: from, ends: from + time.Duration(rapid.Int64Range(1, int64(20*time.Second)).Draw(w.t, "term"))}
	s.words = max(s.words, t.ends)
	return t
}

// check looks at everybody's right.
func (w *world) check() {
	for _, s := range w.servers {
		p, ok := s.state.pass(w.now)
		if held := s.held(w.now); held > 0 && (ok || w.cold || held < s.highest) {
			w.t.Fatalf("a server says that epoch %d was only quiesced; activated %v, all stood still %v, it has heard of %d", held, ok, w.cold, s.highest)
		}
		if !ok {
			continue
		}
		w.alive[s.instance] = w.now
		if w.cold {
			w.t.Fatalf("a server may write in epoch %d after all stood still, and nobody opened it", p.Epoch)
		}
		if w.witness && w.now >= s.words {
			w.t.Fatalf("a server may write at %s, no word lasts longer than until %s", w.now, s.words)
		}
		if w.witness && !s.holds(w.now, p) {
			w.t.Fatal("a pass of just now does not hold")
		}
		if p.Epoch < s.highest {
			w.t.Fatalf("a server may write in epoch %d and knows of %d", p.Epoch, s.highest)
		}
	}
}

// ask begins a look, and before it a move of the heartbeat, with the right to.
func (w *world) ask(s *server) {
	w.check()
	if s.frozen || s.waiting {
		return
	}
	s.waiting, s.asked = true, w.now
	if p, ok := s.state.pass(w.now); ok {
		s.move = &pg.Heart{Epoch: p.Epoch, Site: "home", Pod: "pod", Instance: s.instance}
	}
}

// work does the next thing that the database was asked for, be the asker frozen or not.
func (w *world) work(s *server) {
	switch {
	case s.move != nil:
		w.land(*s.move)
		s.move = nil
	case s.waiting && s.answer == nil:
		s.answer = &pg.Watched{Newest: w.newest, Closed: w.closed}
		if w.heart.Epoch == w.newest {
			s.answer.Hearts = []pg.Heart{w.heart}
		}
	}
}

// hear gives a server the answer to its look.
func (w *world) hear(s *server) {
	if s.frozen || s.answer == nil {
		return
	}
	a := *s.answer
	s.waiting, s.answer = false, nil
	watching, had := s.watch, s.epoch
	s.look(w.now, s.asked, a)
	if s.watch != nil && s.watch != watching {
		s.began = w.now
	}
	if had == 0 && s.epoch > 0 {
		w.activations++
		if by := a.Hearts[0].Instance; w.alive[by] < s.began || w.alive[by] == 0 {
			w.t.Fatalf("activated by %s, which had no right since %s, while watched from %s on", by, w.alive[by], s.began)
		}
	}
}

// Whatever happens in a site: when all servers stood still, none writes before an operator says so; a neighbour gives
// nothing that it did not have while it was watched; nobody writes in an epoch below one that it knows of; and where there is a
// witness, nobody writes later than the operator said.
func TestActivationProperty(t *testing.T) {
	// One time in a thousand no neighbour activates anybody in a hundred runs, which then show little: they go on.
	for activations, times := 0, 0; activations == 0; times++ {
		if times == 5 {
			t.Fatal("in no run did a neighbour activate a server")
		}
		rapid.Check(t, func(t *rapid.T) {
			w := &world{t: t, now: time.Hour, newest: 1, alive: map[string]time.Duration{}, witness: rapid.Bool().Draw(t, "witness")}
			for range 3 {
				w.servers = append(w.servers, w.start())
			}
			w.cold = true
			t.Repeat(w.actions())
			activations += w.activations
		})
	}
}
