package moves

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/peer"
	"chatpool.dev/controllers/internal/witness"

	"k8s.io/apimachinery/pkg/types"
)

// Linker connects with the witness's cluster by the kubeconfig in a Secret; see peer.Connector.
type Linker interface {
	Link(ctx context.Context, key types.NamespacedName, whose, command string) (*peer.Link, error)
}

// seat is the site's seat before the witness's Lease, and where that is.
type seat struct {
	witness.Seat
	link *peer.Link
	name string
}

// gatherWitness asks the witness, if there is one. It comes last: what is renewed here is good for tickets that were given before.
func (r *round) gatherWitness(ctx context.Context) {
	o := &r.observed
	if !o.Spec.Witness {
		r.memory.seat = seat{}
		return
	}
	q, err := r.question(ctx)
	if err == nil {
		o.Witness, err = r.memory.seat.Look(ctx, q)
	}
	r.seen.witnessErr = err
	if o.Witness.State == failover.WitnessFree && !(r.peerIsBound() && r.mayBind()) {
		o.Witness.State = failover.WitnessDenied
	}
}

// question is what this site asks the witness.
func (r *round) question(ctx context.Context) (witness.Question, error) {
	ctx, cancel := context.WithTimeout(ctx, witness.Patience)
	defer cancel()
	q := witness.Question{Site: r.pair.Self.Name, Limits: r.Limits, Needs: r.needsWitness}
	link, err := r.Witness.Link(ctx, naming.Key(r.pool, naming.WitnessSecret(r.pool)), "the witness", "kubectl chatpool witness "+r.pool.Name)
	if err != nil {
		return q, err
	}
	if link.Namespace == "" {
		return q, fmt.Errorf("the kubeconfig in Secret %s names no namespace: make it by kubectl chatpool witness %s", naming.WitnessSecret(r.pool), r.pool.Name)
	}
	q.Leases, q.Key = link, types.NamespacedName{Namespace: link.Namespace, Name: naming.WitnessLease(r.pool)}
	if s := &r.memory.seat; s.link != link || s.name != q.Key.Name {
		*s = seat{link: link, name: q.Key.Name} // another Lease, for all we know
	}
	return q, nil
}

// known is the highest epoch that this round has read of, but for the witness.
func (r *round) known() int64 {
	o := r.observed
	known := max(o.Status.Epoch, o.Database.Newest(), o.Servers.Epoch, o.Peer.Database.Newest())
	if o.Peer.Known {
		known = max(known, o.Peer.Status.Epoch)
	}
	return known
}

// needsWitness tells whether this site serves in the highest epoch, or is about to begin one. Another one that kept the
// Lease, left over from a move that was given up, would keep it from the site that serves.
func (r *round) needsWitness(noted int64) bool {
	return r.observed.Self.Mints(max(noted, r.known())) || r.observed.Status.Claim.Epoch != 0
}

// peerIsBound tells whether the other site, of which nothing is heard, has bound itself to the witness: its epoch is noted
// in the Lease, and its manifest named a witness when it was last read. Its servers keep their right for ever otherwise,
// and a free Lease says nothing about them.
func (r *round) peerIsBound() bool {
	o := r.observed
	known := r.known()
	if o.Self.Mints(known) || o.Peer.SilentFor < o.Limits.PeerSilence {
		return true
	}
	return o.Witness.Epoch >= known && (!o.Peer.Known || o.Peer.Spec.Witness)
}

// mayBind tells whether this site may bind itself to the witness, after which the other one takes a free Lease for proof:
// not while a server's right has no end, or may have none.
func (r *round) mayBind() bool {
	own, o := r.seen.own, r.observed
	for _, d := range own.said {
		if d.Activation.Epoch > 0 && d.Activation.EndsInSeconds == 0 {
			return false
		}
	}
	return o.Servers.Epoch == 0 || o.Witness.Epoch >= r.known() || len(own.said) == len(own.pods)
}

// acquireWitness takes the Lease.
func (r *round) acquireWitness(ctx context.Context, a failover.Action) error {
	q, err := r.question(ctx)
	if err != nil {
		return err
	}
	return r.memory.seat.Acquire(ctx, q, a.Epoch)
}

func (r *round) yieldWitness(ctx context.Context, _ failover.Action) error {
	q, err := r.question(ctx)
	if err != nil {
		return err
	}
	return r.memory.seat.Yield(ctx, q)
}

// opening asks a server to accept posts in an epoch for as long as the votes last. The right counts from the server's
// ticket. That was given after the round began, by at most the time until all servers had answered: so much shorter it is.
// The second result is false when there is nothing to ask for: nobody votes for this site.
func (r *round) opening(epoch int64, said adminapi.Activation, keep time.Duration) (adminapi.Opening, bool) {
	o := adminapi.Opening{Epoch: epoch, Site: r.pair.Self.Name, Ticket: said.Ticket}
	if keep == failover.Forever {
		return o, true
	}
	o.KeepSeconds = (keep - r.seen.own.heardAt.Sub(r.begun)).Seconds()
	return o, o.KeepSeconds > 0
}

// renewals are what this round has to say to servers that have their right, or that may join those: by pod.
func (r *round) renewals() map[string]adminapi.Opening {
	d, out := r.decision, map[string]adminapi.Opening{}
	if d.Action.Kind == failover.Shut || d.Action.Kind == failover.Quiesce || d.Status.Epoch == 0 {
		return out
	}
	for name, said := range r.seen.own.said {
		a := said.Activation
		keep, join := d.KeepFor, a.Epoch == 0 && a.Quiesced == 0 && r.mayJoin()
		switch {
		case a.Epoch != d.Status.Epoch && !join:
			continue
		case keep == failover.Forever && (join || a.EndsInSeconds == 0):
			continue // a neighbour has it join; it has no end already
		case keep == failover.Forever && !r.peerVotes():
			continue // a witness was taken out here: what ends runs out, unless the other site agrees
		case keep == failover.Forever && r.observed.Peer.Spec.Witness:
			keep = r.Limits.VoteTTL // it may still take a free Lease for proof
		case keep == 0 && (join || a.EndsInSeconds > 0):
			continue // left to run out
		case keep == 0:
			keep = r.Limits.VoteTTL // from before there was a witness: any end is better than none
		}
		if o, ok := r.opening(d.Status.Epoch, a, keep); ok {
			o.Join = join
			out[name] = o
		}
	}
	return out
}

// mayJoin tells whether a server that started anew may have what the others of this site have: what a neighbour's
// heartbeat gives it where there is no witness.
func (r *round) mayJoin() bool {
	d, s := r.decision, r.observed.Servers
	return d.Role == failover.Active && s.Epoch == d.Status.Epoch && !s.Quiesced && !r.seen.own.barred()
}

// peerVotes tells whether the other site, read just now, lives and claims nothing.
func (r *round) peerVotes() bool {
	p := r.observed.Peer
	return p.Live && p.SilentFor < r.Limits.VoteTTL && p.Status.Claim.Epoch == 0
}

func (r *round) renew(ctx context.Context, openings map[string]adminapi.Opening) error {
	return r.each(ctx, func(ctx context.Context, name string, c *adminapi.Client) error {
		o, ok := openings[name]
		if !ok {
			return nil
		}
		_, err := c.Activate(ctx, o)
		return err
	})
}

// guard says in a condition why the witness does not answer.
func (r *round) guard(c failover.Condition) failover.Condition {
	if c.Name == failover.SplitBrainGuard && c.Status == failover.Unknown && r.seen.witnessErr != nil {
		c.Message += ": " + r.seen.witnessErr.Error()
	}
	return c
}
