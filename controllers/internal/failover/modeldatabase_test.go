package failover

import (
	"fmt"
	"slices"
)

// database is a site's PostgreSQL in the model: a log of entries, which is the truth, and the numbers by which
// PostgreSQL itself judges (timeline, length), which are not.
type database struct {
	data     Data
	object   bool // the Cluster is there, whatever became of its volumes
	mode     Mode
	before   Mode // what a stopped database was
	fenced   bool
	system   int // PostgreSQL's system identifier
	log      []entry
	timeline int64
	history  []ended // the timelines that ended here, in order
	token    Token
	pending  bool // the token appears with the next second
	applied  bool
	stream   bool
	refused  bool // the source refuses this follower
	old      bool // restored from an older copy: see restoreVolume
}

// stopped is the mode of a database that is fenced. Nobody sees it.
const stopped Mode = "stopped"

type entryKind int

const (
	noise entryKind = iota
	post
	beat
	epochRow
	salvageMark
	strayMark
	gate // the highest epoch that is closed
)

type entry struct {
	serial int // unique: two entries are the same only if this is
	kind   entryKind
	id     int // post
	row    Epoch
	tail   Tail
	tl     int64
}

type ended struct{ timeline, at int64 }

func (d *database) lsn() int64 { return int64(len(d.log)) }

func (d *database) newest() int64 {
	for i := len(d.log) - 1; i >= 0; i-- {
		if d.log[i].kind == epochRow {
			return d.log[i].row.Number
		}
	}
	return 0
}

func (d *database) beats(upTo int64) int64 {
	var n int64
	for _, e := range d.log[:upTo] {
		if e.kind == beat {
			n++
		}
	}
	return n
}

func (d *database) holds(id int) bool {
	return slices.ContainsFunc(d.log, func(e entry) bool { return e.kind == post && e.id == id })
}

// closed is the highest epoch that was quiesced, and not opened again.
func (d *database) closed() int64 {
	for i := len(d.log) - 1; i >= 0; i-- {
		if d.log[i].kind == gate {
			return d.log[i].row.Number
		}
	}
	return 0
}

// facts is what GET /v1/database and the site's own objects say.
func (d *database) facts() Database {
	f := Database{Known: true, Fenced: d.fenced, Data: d.data, Rewind: RewindFailed}
	if d.data != DataPresent {
		return f
	}
	f.System = uint64(d.system)
	f.Mode, f.Timeline, f.LSN, f.Applied, f.Mirror = d.mode, d.timeline, d.lsn(), d.applied, true
	f.Streaming, f.Unfollowable, f.Token, f.Beat = d.stream, d.refused, d.token, d.beats(d.lsn())
	for _, e := range d.log {
		switch e.kind {
		case epochRow:
			f.Epochs = append(f.Epochs, e.row)
			f.Strayed = false
		case strayMark:
			f.Strayed = true
		case salvageMark:
			f.Salvaged = append(f.Salvaged, e.tail)
		}
	}
	return f
}

// write appends to an open database.
func (w *world) write(s *site, e entry) {
	w.serial++
	e.serial, e.tl = w.serial, s.db.timeline
	s.db.log = append(s.db.log, e)
}

func (w *world) open(s *site) {
	s.db.mode, s.db.stream, s.db.refused, s.db.pending = Open, false, false, false
	w.write(s, entry{kind: noise})
}

// promote ends recovery on a new timeline.
func (w *world) promote(s *site) {
	s.db.history = append(slices.Clone(s.db.history), ended{s.db.timeline, s.db.lsn()})
	s.db.timeline++
	w.open(s)
}

func (w *world) initialise(s *site) {
	w.serial++
	s.db = database{data: DataPresent, object: true, timeline: 1, system: w.serial}
	w.open(s)
	w.write(s, entry{kind: epochRow, row: Epoch{Number: 1}}) // the schema begins with it
}

// demote makes a standby of an open database; the token stands for its end.
func (w *world) demote(s *site) {
	if s.db.mode != Open || s.db.data != DataPresent {
		return
	}
	w.write(s, entry{kind: noise})
	s.db.mode, s.db.pending, s.db.applied = Isolated, true, false
}

func (w *world) isolate(s *site) {
	if s.db.data != DataPresent || s.db.mode == Isolated {
		return
	}
	if s.db.mode == Open {
		w.write(s, entry{kind: noise})
	}
	s.db.mode, s.db.fenced, s.db.applied, s.db.stream, s.db.refused = Isolated, false, false, false, false
}

func (w *world) fence(s *site) {
	if s.db.data == DataPresent && s.db.mode != stopped {
		s.db.before, s.db.mode, s.db.stream = s.db.mode, stopped, false
	}
	s.db.fenced = true
}

func (w *world) unfence(s *site) {
	s.db.fenced = false
	if s.db.mode != stopped {
		return
	}
	s.db.mode = s.db.before
	if s.db.mode == Open {
		w.open(s)
	}
}

// recordEpoch inserts the row under the exclusive lock.
func (w *world) recordEpoch(s *site, epoch, forkTimeline int64) {
	d := &s.db
	if d.mode != Open || d.data != DataPresent || d.newest() >= epoch {
		return
	}
	row := Epoch{Number: epoch, ForkTimeline: forkTimeline}
	for _, h := range d.history {
		if h.timeline == forkTimeline {
			row.ForkLSN, row.ForkBeat = h.at, d.beats(h.at)
		}
	}
	w.write(s, entry{kind: epochRow, row: row})
}

// replicate moves up to n entries to a follower, or finishes its copy.
func (w *world) replicate(s *site, n int) {
	src := w.other(s)
	d := &s.db
	linked := s.up() && src.up() && !w.dbCut && src.db.data == DataPresent && src.db.mode != stopped
	if d.data == DataPartial && linked && src.db.mode == Open {
		*d = database{data: DataPresent, object: true, mode: Following, system: src.db.system, log: slices.Clone(src.db.log), timeline: src.db.timeline,
			history: slices.Clone(src.db.history), applied: true}
		w.tell("%s: its copy is complete", s.side)
	}
	d.stream = false
	if d.data != DataPresent || d.mode != Following || !linked || d.refused {
		return
	}
	if !servesFollower(&src.db, d) {
		d.refused = src.db.timeline != d.timeline || src.db.system != d.system
		return
	}
	if src.db.old && d.lsn() > 0 && d.log[d.lsn()-1] != src.db.log[d.lsn()-1] {
		return
	}
	d.stream = true
	w.receive(s, &src.db, n)
}

// servesFollower is PostgreSQL's own judgement: numbers only.
func servesFollower(src, d *database) bool {
	if src.system != d.system {
		return false
	}
	if src.timeline == d.timeline {
		return d.lsn() <= src.lsn()
	}
	for _, h := range src.history {
		if h.timeline == d.timeline {
			return d.lsn() <= h.at
		}
	}
	return false
}

// receive appends the source's entries by number. That they are the same up to there is the invariant.
func (w *world) receive(s *site, src *database, n int) {
	d := &s.db
	for n > 0 && d.lsn() < src.lsn() {
		if k := d.lsn(); k > 0 && d.log[k-1] != src.log[k-1] {
			w.violate("%s streams onto contents that differ from its source's", s.side)
			return
		}
		e := src.log[d.lsn()]
		d.log = append(d.log, e)
		d.timeline = e.tl
		n--
	}
	d.history = historyAt(src, d.timeline)
	if d.lsn() == src.lsn() {
		d.timeline, d.history = src.timeline, slices.Clone(src.history)
	}
}

func historyAt(src *database, timeline int64) []ended {
	for i, h := range src.history {
		if h.timeline == timeline {
			return slices.Clone(src.history[:i])
		}
	}
	return slices.Clone(src.history)
}

// mustBeSaved: nothing is discarded that the other site lacks, unless a person has said so.
func (w *world) mustBeSaved(s *site, does string) {
	for _, e := range s.db.log {
		if e.kind != post || w.other(s).db.holds(e.id) || w.excused[e.id] {
			continue
		}
		if at, ok := w.lostAt[e.id]; ok && seconds(w.t-at) <= 2*(limits.Margin+ValidFor) {
			w.excused[e.id] = true // the other site had it until just now: its beat cannot have told
			continue
		}
		if s.obj.prompts.AbandonTail == s.db.newest() {
			w.excused[e.id] = true
			continue
		}
		w.violate("%s %s over post %d, which is nowhere else", s.side, does, e.id)
	}
}

func (w *world) discard(s *site) {
	if s.db.data == DataPresent {
		w.mustBeSaved(s, "clones")
	}
	s.db = database{data: DataEmpty}
}

// lose is the loss of volumes; what was nowhere else is nobody's fault.
func (w *world) lose(s *site, keep int64) {
	for i := keep; i < s.db.lsn(); i++ {
		if e := s.db.log[i]; e.kind == post {
			w.lostAt[e.id] = w.t
			w.excused[e.id] = w.excused[e.id] || !w.other(s).db.holds(e.id)
		}
	}
}

func (d *database) String() string {
	return fmt.Sprintf("%s %s tl %d lsn %d epoch %d", d.data, d.mode, d.timeline, d.lsn(), d.newest())
}
