package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"chatpool.dev/chatserver/chat"
)

// patience is how long to look for a server.
type patience int

const (
	once    patience = iota // each server once
	patient                 // until the context ends
	forever                 // the same, and a single refusal is not believed: the user was signed in before
)

// manyRefusals is how many refusals in a row end even the patience called forever.
const manyRefusals = 3

const (
	backOffFirst = 250 * time.Millisecond
	backOffMost  = 5 * time.Second
)

// turned is in the error of a server that turned the client away.
type turned struct {
	target string        // the server that it pointed at, HOST:PORT, or ""
	after  time.Duration // when the client may come again, or 0
}

func (t *turned) Error() string { return "turned away" }

// signInSomewhere tries the servers of the route until one takes the user. A refusal (any kind but Unavailable) ends it. Its
// error is the last that a server was the reason of.
func signInSomewhere(ctx context.Context, o *Options, r *route, p patience) (*link, error) {
	var last error
	refusals := 0
	r.rounds = 0
	r.begin()
	for attempt := 0; ; attempt++ {
		if (attempt > 0 || p == forever) && !pause(ctx, r.wait()) {
			return nil, orElse(last, explain(o, r.configured[r.next], ctx.Err()))
		}
		server := r.take()
		l, err := signIn(ctx, o, server)
		if err == nil {
			r.settle(l, o.PlainTCP)
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, orElse(last, err)
		}
		last = err
		o.Log.Debug("sign-in failed", "err", err)
		r.afterwards(err, o.PlainTCP)
		switch kind := chat.KindOf(err); {
		case kind == chat.Unavailable:
			refusals = 0
		case kind == chat.Invalid && !r.known(server): // such as a certificate for another name: the hint was wrong
		default:
			if refusals++; p != forever || refusals == manyRefusals {
				return nil, err
			}
		}
		if p == once && r.over() {
			return nil, err
		}
	}
}

// settle notes which server has taken the user, and learns the others that it named.
func (r *route) settle(l *link, plain bool) {
	r.current = l.server
	if plain {
		return
	}
	for _, s := range l.servers {
		if s = hinted(s); s != "" {
			r.learn(s)
		}
	}
}

// afterwards takes what a refusal says of where to go, and when to come again.
func (r *route) afterwards(err error, plain bool) {
	var t *turned
	if !errors.As(err, &t) {
		return
	}
	if t.target != "" && !plain {
		r.follow(t.target)
	}
	if t.after > 0 && (r.after == 0 || t.after < r.after) {
		r.after = t.after
	}
}

// wait is the time until the next attempt: a moment from server to server, and the back-off from round to round, which is no
// longer than a server has asked for. So a list with dead servers in it is gone through quickly.
func (r *route) wait() time.Duration {
	if !r.over() || r.tried == nil {
		return backOff(0)
	}
	r.rounds++
	d := backOff(r.rounds)
	if r.after > 0 {
		d = min(d, r.after)
	}
	return d
}

// backOff is the time before a round: doubling up to a limit, with half of it left to chance so that the clients of a
// server that died do not come back in step.
func backOff(attempt int) time.Duration {
	d := min(backOffFirst<<min(attempt, 10), backOffMost)
	return d/2 + rand.N(d/2)
}

// pause waits and tells whether the context still runs.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
