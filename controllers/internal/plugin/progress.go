package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// followEvery is how often a move is looked at, followPatience how long a site may take to answer then: one that does
// not must not hide what the other does.
const (
	followEvery    = 250 * time.Millisecond
	followPatience = 2 * time.Second
)

// Progress follows a move to its end.
type Progress struct {
	To      failover.Side
	Timeout time.Duration
	Look    func(context.Context) (View, error)
	Out     io.Writer

	begun time.Time
	told  map[string]string // by site: what was told last
	loss  string            // what the taker said is lost
}

// Follow prints one line per step until the pool lives where it is wanted (nil), the move was rolled back, or the time
// is over. A site that does not answer ends nothing.
func (p *Progress) Follow(ctx context.Context, v View) error {
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	p.begun, p.told = time.Now(), map[string]string{}
	fmt.Fprintln(p.Out) //nolint:errcheck // a terminal
	for {
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted; the move goes on by itself: %s", v.command("status", "--watch"))
			}
			return p.overdue(v)
		case <-tick.C:
		}
		next, err := p.look(limited)
		if limited.Err() != nil {
			continue // it was cut short, which is no answer of a site
		}
		if err != nil {
			p.tell("-", "no site answers: "+err.Error())
			continue
		}
		v = next
		for _, s := range v.sites() {
			p.tell(s.Name, line(s))
		}
		if t := moving(v.Of(p.To)); t != nil {
			p.loss = t.DataLoss
		}
		if done, err := verdict(v, p.To); done || err != nil {
			if err == nil {
				p.say(v.Of(p.To).Name, p.ending(v.Of(p.To)))
			}
			return err
		}
	}
}

func (p *Progress) look(ctx context.Context) (View, error) {
	ctx, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	return p.Look(ctx)
}

// tell prints what is new.
func (p *Progress) tell(site, text string) {
	if text == "" || p.told[site] == text {
		return
	}
	p.told[site] = text
	p.say(site, text)
}

func (p *Progress) say(site, text string) {
	fmt.Fprintf(p.Out, "%6.1f s  %-12s %s\n", time.Since(p.begun).Seconds(), site, text) //nolint:errcheck // a terminal
}

// line is what a site is doing. What it waits for is left out: it may change with every look.
func line(s Seen) string {
	switch t := moving(s); {
	case !s.Answers() && s.Cluster == nil:
		return ""
	case !s.Answers():
		return "does not answer"
	case t != nil:
		text := t.Kind + ", " + t.Step
		if t.NextCommand != "" {
			text += "; next: " + t.NextCommand
		}
		return text
	}
	if c := refused(s); c != nil {
		return "refused: " + c.Message
	}
	return orWord(s.Pool.Status.Role, "no role yet") + ", epoch " + number(s.Pool.Status.Epoch)
}

func refused(s Seen) *metav1.Condition {
	c := meta.FindStatusCondition(s.Pool.Status.Conditions, v1alpha1.ConditionForceRefused)
	if c == nil || c.Status != metav1.ConditionTrue {
		return nil
	}
	return c
}

// verdict tells whether the pool lives where it is wanted and the move is over, or why it was rolled back.
func verdict(v View, to failover.Side) (done bool, err error) {
	taker, giver := v.Of(to), v.Of(to.Other())
	if t := moving(giver); t != nil && failover.Step(t.Step) == failover.RollingBack && !serves(taker) {
		why := orWord(t.WaitingFor, "the site does not say why")
		if c := refused(giver); c != nil && t.WaitingFor == "" {
			why = c.Message
		}
		return false, fmt.Errorf("rolled back: %s; %s serves on, and tries again by itself in some minutes; to give the move up: %s",
			why, giver.Name, v.command(verb(to.Other()), ""))
	}
	return serves(taker) && moving(taker) == nil, nil
}

func (p *Progress) ending(taker Seen) string {
	text := fmt.Sprintf("Completed: it serves epoch %d", taker.Pool.Status.Epoch)
	if p.loss != "" {
		text += "; loss: " + p.loss
	}
	return text
}

// overdue says what the move waits for.
func (p *Progress) overdue(v View) error {
	errs := []error{fmt.Errorf("not over after %v; it goes on by itself: %s", p.Timeout, v.command("status", "--watch"))}
	for _, s := range v.sites() {
		switch t := moving(s); {
		case s.Cluster == nil:
		case !s.Answers():
			errs = append(errs, fmt.Errorf("  %s does not answer: %w", s.Name, s.Err))
		case t != nil:
			text := fmt.Sprintf("  %s: %s, %s, waits for: %s", s.Name, t.Kind, t.Step, orWord(t.WaitingFor, "-"))
			if t.NextCommand != "" {
				text += "; next: " + t.NextCommand
			}
			errs = append(errs, errors.New(text))
		case refused(s) != nil:
			errs = append(errs, fmt.Errorf("  %s refused: %s", s.Name, refused(s).Message))
		case s.Side == p.To:
			errs = append(errs, fmt.Errorf("  %s began nothing: see that its operator runs", s.Name))
		}
	}
	return errors.Join(errs...)
}
