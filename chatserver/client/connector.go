package client

import (
	"context"
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
	backOffFirst = 100 * time.Millisecond
	backOffMost  = 3 * time.Second
)

// signInSomewhere tries the servers in turn, beginning with number next, and tells which comes after the one that took
// the user. A refusal (any kind but Unavailable) ends it. Its error is the last that a server was the reason of.
func signInSomewhere(ctx context.Context, o *Options, next int, p patience) (*link, int, error) {
	var last error
	refusals := 0
	for attempt := 0; ; attempt++ {
		if attempt > 0 || p == forever {
			if !pause(ctx, backOff(attempt)) {
				return nil, next, orElse(last, explain(o, o.Servers[next], ctx.Err()))
			}
		}
		l, err := signIn(ctx, o, o.Servers[next])
		next = (next + 1) % len(o.Servers)
		if err == nil {
			return l, next, nil
		}
		if ctx.Err() != nil {
			return nil, next, orElse(last, err)
		}
		last = err
		o.Log.Debug("sign-in failed", "err", err)
		if chat.KindOf(err) == chat.Unavailable {
			refusals = 0
		} else if refusals++; p != forever || refusals == manyRefusals {
			return nil, next, err
		}
		if p == once && attempt == len(o.Servers)-1 {
			return nil, next, err
		}
	}
}

// backOff is the time before an attempt: doubling up to a limit, with half of it left to chance so that the clients of a
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
