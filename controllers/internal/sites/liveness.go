package sites

import (
	"time"

	"chatpool.dev/api/v1alpha1"
)

// Silence is how long a counter may stand still before its operator is called silent.
const Silence = 10 * time.Second

// Watch follows the other site's counter. The zero value has seen nothing. It belongs to one goroutine.
type Watch struct {
	counter int64
	changed time.Time // when it was seen to change; zero: never
	began   time.Time // when it was read for the first time
	answers bool
	why     string
}

// Read notes what was read, or why nothing was. now must have a monotonic reading.
func (w *Watch) Read(counter int64, err string, now time.Time) {
	w.answers, w.why = err == "", err
	if !w.answers {
		return
	}
	if w.began.IsZero() {
		w.began, w.counter = now, counter
		return
	}
	if counter != w.counter {
		w.counter, w.changed = counter, now
	}
}

// State says what is known, and why it is not Alive. An operator is alive only once its counter was seen to change.
func (w *Watch) State(now time.Time) (state, why string) {
	switch {
	case !w.answers:
		return v1alpha1.PeerUnknown, w.why
	case !w.changed.IsZero() && now.Sub(w.changed) < Silence:
		return v1alpha1.PeerAlive, ""
	case w.changed.IsZero() && now.Sub(w.began) < Silence:
		return v1alpha1.PeerUnknown, "its counter has not been seen to change yet"
	}
	return v1alpha1.PeerSilent, "its API server answers, its operator does not renew its counter"
}

// Seen is when the counter was last seen to change; zero: never.
func (w *Watch) Seen() time.Time { return w.changed }
