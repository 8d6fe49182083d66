package loadcheck

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run showed. Durations are in nanoseconds in JSON.
type Report struct {
	ID       string        `json:"id"`
	Duration time.Duration `json:"duration"` // of the load
	Writers  int           `json:"writers"`
	Readers  int           `json:"readers"`
	Rooms    int           `json:"rooms"`

	Posts    int `json:"posts"`
	Accepted int `json:"accepted"`
	// Refused counts the 503s, Lost the tries whose connection went away, SentAgain the tries after the first.
	Refused   int `json:"refused"`
	Lost      int `json:"lost"`
	SentAgain int `json:"sentAgain"`
	// InDoubt posts were never acknowledged; StoredInDoubt of them are in the history all the same.
	InDoubt       int `json:"inDoubt"`
	StoredInDoubt int `json:"storedInDoubt"`
	// Recovered messages were lost by a failover and stand in the history at another position, those of others included.
	Recovered int `json:"recovered,omitempty"`
	// Late posts were not made because the writer's others were under way.
	Late            int     `json:"late"`
	AcceptedASecond float64 `json:"acceptedASecond"`

	Deliveries       int     `json:"deliveries"`
	DeliveriesSecond float64 `json:"deliveriesASecond"`
	Losses           int     `json:"connectionsLost"`
	// Moves counts the times that a client came back in another site than it had been in.
	Moves int `json:"moves"`
	// Epochs are those of the messages that came into the rooms during the run, in order.
	Epochs []EpochReport `json:"epochs"`

	Ack      Latency `json:"ack"`      // from the first try to the 200
	Delivery Latency `json:"delivery"` // from the first try to a reader who stays
	// SlowestAnswer is the longest that an answer of any kind to a try took.
	SlowestAnswer time.Duration `json:"slowestAnswer"`

	// Outages are the stretches of more than a second without an accepted post in any room.
	Outages []Outage `json:"outages"`
	// LongestPause is the longest stretch without one, RoomPauses the same for each room, by name.
	LongestPause Outage            `json:"longestPause"`
	RoomPauses   map[string]Outage `json:"roomPauses"`
	Marks        []MarkReport      `json:"marks,omitempty"`

	// Found are the violations, at most some examples of each kind; none if the pool kept its word.
	Found []string `json:"violations"`

	acks []time.Duration
}

// Latency has the median and the slow end, to 5 %.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// Outage is a stretch without an accepted post.
type Outage struct {
	From time.Duration `json:"from"`
	For  time.Duration `json:"for"`
}

// EpochReport is how many messages the histories have in an epoch.
type EpochReport struct {
	Epoch    int64 `json:"epoch"`
	Messages int   `json:"messages"`
}

// MarkReport is a mark with the longest pause, over all rooms and in any single one, that ended after it and began before
// the next one.
type MarkReport struct {
	Mark
	Pause     Outage `json:"pause"`
	RoomPause Outage `json:"roomPause"`
}

// Violations says what is wrong; it is empty if the pool kept its word.
func (r *Report) Violations() []string { return r.Found }

// outageFrom is the shortest pause that is told of as an outage.
const outageFrom = time.Second

func (r *Run) report(lasted time.Duration) *Report {
	record := &Record{Rooms: r.rooms, MaxAnswer: r.c.MaxAnswer}
	rep := &Report{
		ID: r.id, Duration: lasted, Writers: len(r.writers), Readers: len(r.listeners) - len(r.writers), Rooms: len(r.rooms), RoomPauses: map[string]Outage{},
	}
	for _, w := range r.writers {
		record.Posts = append(record.Posts, w.posts...)
		rep.Late += w.late
	}
	for _, l := range r.listeners {
		record.Readers = append(record.Readers, l.readers...)
	}
	rep.Found = append([]string{}, Check(record)...) // never null in JSON
	rep.count(record)
	m := r.meter
	m.change(func() {
		rep.Deliveries, rep.Losses, rep.Moves = m.deliveries, m.losses, m.moves
		rep.Ack, rep.Delivery = m.ack.latency(), m.delivery.latency()
	})
	rep.AcceptedASecond = float64(rep.Accepted) / lasted.Seconds()
	rep.DeliveriesSecond = float64(rep.Deliveries) / lasted.Seconds()
	r.marksMu.Lock()
	defer r.marksMu.Unlock()
	rep.pauses(record, r.marks)
	if p := rep.LongestPause; r.c.MaxPause > 0 && p.For > r.c.MaxPause {
		rep.Found = append(rep.Found, fmt.Sprintf("no post was accepted for %s, more than %s", p, r.c.MaxPause))
	}
	return rep
}

func (h *histogram) latency() Latency {
	return Latency{P50: h.quantile(0.5), P95: h.quantile(0.95), P99: h.quantile(0.99), Max: h.most}
}

func (rep *Report) count(record *Record) {
	stored := map[PostID]bool{}
	epochs := map[int64]int{}
	for _, room := range record.Rooms {
		for _, e := range room.History {
			stored[e.ID] = true
			epochs[e.Position.Epoch()]++
			if e.Origin != 0 {
				rep.Recovered++
			}
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(epochs)) {
		rep.Epochs = append(rep.Epochs, EpochReport{epoch, epochs[epoch]})
	}
	for i := range record.Posts {
		p := &record.Posts[i]
		rep.Posts++
		rep.Refused += p.Refused
		rep.Lost += p.Lost
		rep.SentAgain += max(0, p.Sent-1)
		rep.SlowestAnswer = max(rep.SlowestAnswer, p.SlowestAnswer)
		switch {
		case p.Acknowledged > 0:
			rep.Accepted++
			rep.acks = append(rep.acks, p.Acknowledged)
		case p.InDoubt:
			rep.InDoubt++
			if stored[p.ID] {
				rep.StoredInDoubt++
			}
		}
	}
	slices.Sort(rep.acks)
}

// pauses finds the stretches without an accepted post, from the load's start to its end.
func (rep *Report) pauses(record *Record, marks []Mark) {
	all := gaps(rep.acks, rep.Duration)
	rep.LongestPause = longest(all, 0, rep.Duration)
	rep.Outages = []Outage{}
	for _, g := range all {
		if g.For > outageFrom {
			rep.Outages = append(rep.Outages, g)
		}
	}
	perRoom := make([][]time.Duration, len(record.Rooms))
	for i := range record.Posts {
		if p := &record.Posts[i]; p.Acknowledged > 0 {
			perRoom[p.Room] = append(perRoom[p.Room], p.Acknowledged)
		}
	}
	var roomGaps []Outage
	for i, acks := range perRoom {
		slices.Sort(acks)
		g := gaps(acks, rep.Duration)
		rep.RoomPauses[record.Rooms[i].Name] = longest(g, 0, rep.Duration)
		roomGaps = append(roomGaps, g...)
	}
	for i, m := range marks {
		end := rep.Duration
		if i+1 < len(marks) {
			end = marks[i+1].At
		}
		rep.Marks = append(rep.Marks, MarkReport{m, longest(all, m.At, end), longest(roomGaps, m.At, end)})
	}
}

// gaps are the stretches between accepted posts, until the load's end.
func gaps(acks []time.Duration, end time.Duration) []Outage {
	var out []Outage
	last := time.Duration(0)
	for _, t := range acks {
		t = min(t, end)
		out = append(out, Outage{From: last, For: t - last})
		last = t
	}
	return append(out, Outage{From: last, For: end - last})
}

// longest is the longest of the gaps that reach into a stretch of time.
func longest(gaps []Outage, from, to time.Duration) Outage {
	var most Outage
	for _, g := range gaps {
		if g.For > most.For && g.From < to && g.From+g.For > from {
			most = g
		}
	}
	return most
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("load %s: %d writers, %d readers, %d rooms, %.0f s", r.ID, r.Writers, r.Readers, r.Rooms, r.Duration.Seconds())
	p("posts       %d accepted of %d (%.1f/s), %d in doubt at the end (%d of them stored), %d not made in time", r.Accepted, r.Posts, r.AcceptedASecond, r.InDoubt, r.StoredInDoubt, r.Late)
	p("tries       %d answered 503, %d without an answer, %d posts sent again; slowest answer %s", r.Refused, r.Lost, r.SentAgain, short(r.SlowestAnswer))
	p("deliveries  %d (%.0f/s); %d connections lost, %d times back in another site", r.Deliveries, r.DeliveriesSecond, r.Losses, r.Moves)
	if len(r.Epochs) > 1 {
		for _, e := range r.Epochs {
			p("epoch %-5d %d messages", e.Epoch, e.Messages)
		}
	}
	if r.Recovered > 0 {
		p("recovered   %d messages", r.Recovered)
	}
	p("ack         %s", r.Ack)
	p("delivery    %s", r.Delivery)
	var room Outage
	for _, o := range r.RoomPauses {
		if o.For > room.For {
			room = o
		}
	}
	p("pauses      longest %s, in one room %s; outages over %s: %d", r.LongestPause, room, outageFrom, len(r.Outages))
	for _, o := range r.Outages {
		p("  outage    %s", o)
	}
	for _, m := range r.Marks {
		p("  %6.1f s  %s: no post accepted for %s, in some room for %s", m.At.Seconds(), m.Text, short(m.Pause.For), short(m.RoomPause.For))
	}
	if len(r.Found) == 0 {
		p("checked     every accepted post is there once, every reader had everything once and in order")
	}
	for _, v := range r.Found {
		p("VIOLATION   %s", v)
	}
	return b.String()
}

// String is as in "p50 3 ms, p95 ...".
func (l Latency) String() string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, max %s", short(l.P50), short(l.P95), short(l.P99), short(l.Max))
}

// String is as in "3.2 s from 12.0 s on".
func (o Outage) String() string {
	return fmt.Sprintf("%s from %.1f s on", short(o.For), o.From.Seconds())
}

func short(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
