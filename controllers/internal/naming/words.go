package naming

import (
	"fmt"
	"strconv"
	"strings"
)

// A person's words to one site are annotations of the ChatPool in that site's cluster. Each begins with the object's
// uid: in a copy of the manifest, or in an object that was made anew, it counts for nothing. Each names an epoch, so it
// is good once.
const (
	// AnnotationActivate has this site begin an epoch: UID/EPOCH[/abandon=N][/new-pool].
	AnnotationActivate = "chatpool.dev/activate"
	// AnnotationRelease has this site give up the epoch in which it serves: UID/EPOCH.
	AnnotationRelease = "chatpool.dev/release"
	// AnnotationAbandonTail lets this site rejoin without salvage of what it alone holds of an epoch: UID/EPOCH.
	AnnotationAbandonTail = "chatpool.dev/abandon-tail"
)

// maxEpoch is the highest epoch: a position has 24 bits for it.
const maxEpoch = 1<<24 - 1

// Word is a person's word to one site. The zero Word is none.
type Word struct {
	// Epoch that it is about.
	Epoch int64
	// Abandon is the epoch whose posts may be left behind; 0: none. For AnnotationActivate only.
	Abandon int64
	// NewPool: no site has data of the pool, begin with an empty database. For AnnotationActivate only.
	NewPool bool
}

// Value is the word as it stands in an annotation of the pool.
func (w Word) Value(p pool) string {
	s := string(p.UID) + "/" + strconv.FormatInt(w.Epoch, 10)
	if w.Abandon != 0 {
		s += "/abandon=" + strconv.FormatInt(w.Abandon, 10)
	}
	if w.NewPool {
		s += "/new-pool"
	}
	return s
}

// WordOf is the word in an annotation of the pool; none when it is missing or was said of another object.
func WordOf(p pool, annotation string) (Word, error) {
	value := p.Annotations[annotation]
	uid, rest, _ := strings.Cut(value, "/")
	if value == "" || p.UID == "" || uid != string(p.UID) {
		return Word{}, nil
	}
	w, err := parseWord(rest)
	if err == nil && annotation != AnnotationActivate && (w.Abandon != 0 || w.NewPool) {
		err = fmt.Errorf("must be UID/EPOCH, %q has more", value)
	}
	if err != nil {
		return Word{}, fmt.Errorf("annotation %s: %w", annotation, err)
	}
	return w, nil
}

// parseWord reads what follows the uid.
func parseWord(s string) (w Word, err error) {
	parts := strings.Split(s, "/")
	if w.Epoch, err = epoch(parts[0]); err != nil {
		return Word{}, err
	}
	for _, part := range parts[1:] {
		n, abandons := strings.CutPrefix(part, "abandon=")
		switch {
		case abandons && w.Abandon == 0:
			if w.Abandon, err = epoch(n); err != nil {
				return Word{}, err
			}
		case part == "new-pool" && !w.NewPool:
			w.NewPool = true
		default:
			return Word{}, fmt.Errorf("%q is not abandon=N or new-pool, or stands there twice", part)
		}
	}
	return w, nil
}

func epoch(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > maxEpoch {
		return 0, fmt.Errorf("%q is not an epoch, a number from 1 to %d", s, maxEpoch)
	}
	return n, nil
}
