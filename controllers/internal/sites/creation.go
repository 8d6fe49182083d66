package sites

import "chatpool.dev/api/v1alpha1"

// Own is what a site has of a pool's data.
type Own int

// What a site can have.
const (
	OwnNone    Own = iota // no database, and there never was one
	OwnClaimed            // none yet; the claim to make an empty one stands in this site's status
	OwnLost               // there was one
	OwnActive             // a database that is written
	OwnStandby            // a database that follows
)

// Other is what the other site answered, read live after our claim stood in our status.
type Other int

// What the other site can answer.
const (
	OtherUnknown  Other = iota // nothing, or nothing that can be relied upon
	OtherNone                  // no epoch, no data, no claim
	OtherClaims                // it is about to make an empty database
	OtherStarting              // it has a database that is written, which cannot be copied yet
	OtherActive                // it has one that is ready
	OtherStandby               // it has one that follows
	OtherLost                  // it had one
)

// Situation is all that first creation depends upon.
type Situation struct {
	Own  Own
	Peer Other
	// Lives: the manifest wants the pool to live in this site.
	Lives bool
	// NewPool: a person has said, of this site and this object, that there is no data anywhere.
	NewPool bool
	// Primary: this site's role. Of two sites that both claim, the Backup steps back.
	Primary bool
}

// Step is what a site does next.
type Step int

// Steps.
const (
	Wait        Step = iota // do nothing, withdraw a claim
	Hold                    // do nothing, keep the claim
	Claim                   // write the claim, read the other site again, decide again
	Initialise              // make an empty database
	Follow                  // make a database that follows the other site's
	KeepActive              // there is one; go on writing it
	KeepStandby             // there is one; let it go on following
)

// Decision is a step and why.
type Decision struct {
	Step Step
	// Reason and Message are for a condition; a Step that waits has them.
	Reason, Message string
	// Stalled: it waits for a person.
	Stalled bool
}

// Decide says what a site of a pool with two does about its database.
//
// An empty database is made only after our claim stood and the other site then answered that it has nothing and claims
// nothing, or when it does not answer and a person says that the pool is new. Two sites can therefore not both make one:
// each has claimed before it read, so the later reader of the two sees the other's claim. A site that once had data
// never makes an empty database; it follows a site that has some, or waits for a person.
func Decide(s Situation) Decision {
	switch s.Own {
	case OwnActive:
		return Decision{Step: KeepActive}
	case OwnStandby:
		return Decision{Step: KeepStandby}
	}
	switch s.Peer {
	case OtherActive:
		return Decision{Step: Follow}
	case OtherStarting:
		return wait(v1alpha1.ReasonPeerCreates, "the other site has the pool's database and starts it; this site copies it then")
	case OtherStandby:
		return stuck(v1alpha1.ReasonPeerHasData, "the other site has the data as a standby and this site has none: no empty database is made beside it; the pool must be moved there (spec.poolState), then this site follows")
	case OtherLost:
		return stuck(v1alpha1.ReasonDataLost, "the other site had the pool's data and lost it: no empty database is made by itself; restore it there, or delete the ChatPool in both sites and make it anew")
	}
	if s.Own == OwnLost {
		return stuck(v1alpha1.ReasonDataLost, "this site had the pool's data and lost it: it follows the other site as soon as that one serves the pool; for an empty pool instead, delete the ChatPool here and make it anew")
	}
	switch {
	case s.Peer == OtherClaims && (s.Lives || s.NewPool) && s.Primary:
		if s.Own == OwnNone {
			return Decision{Step: Claim}
		}
		return Decision{Step: Hold, Reason: v1alpha1.ReasonBothActive, Message: "the other site wants to make the pool, too: the manifests of the two sites differ in poolState; the other one steps back"}
	case s.Peer == OtherClaims:
		return wait(v1alpha1.ReasonPeerCreates, "the other site makes the pool's database; this site copies it then")
	case s.Peer == OtherUnknown && !s.NewPool:
		return wait(v1alpha1.ReasonPeerUnknown, "whether the other site has the pool's data is not known, so no empty database is made")
	case !s.Lives && !s.NewPool:
		return wait(v1alpha1.ReasonPeerCreates, "the pool is made in the other site first; this site copies it then")
	case s.Own == OwnNone:
		return Decision{Step: Claim}
	}
	return Decision{Step: Initialise}
}

func wait(reason, message string) Decision {
	return Decision{Step: Wait, Reason: reason, Message: message}
}

func stuck(reason, message string) Decision {
	return Decision{Step: Wait, Reason: reason, Message: message, Stalled: true}
}

// Claims tells whether the claim stands in the status after the step, given whether it stood before.
func (d Decision) Claims(before bool) bool {
	return d.Step == Claim || d.Step == Initialise || d.Step == Hold && before
}

// OtherOf reads what the other site's object says. why is set when that cannot be relied upon.
func OtherOf(peer *v1alpha1.ChatPool, own *v1alpha1.ChatPool, pair Pair) (o Other, why string) {
	st := peer.Status
	switch {
	case peer.UID == own.UID:
		return OtherUnknown, "the kubeconfig for site " + pair.Peer.Name + " leads to this very cluster: make it anew by kubectl chatpool peer"
	case !peer.DeletionTimestamp.IsZero():
		return OtherUnknown, "the ChatPool is being deleted there"
	case st.Site != "" && st.Site != pair.Peer.Name:
		return OtherUnknown, "its operator calls itself site " + st.Site + ": correct its --site, or spec.sites"
	case !peer.HasTwoSites() || peer.Spec.Sites[0].Name != pair.Self.Name && peer.Spec.Sites[1].Name != pair.Self.Name:
		return OtherUnknown, "its ChatPool does not name this site: apply the same manifest in both sites"
	case st.Database.Data == v1alpha1.DataPresent && st.Role == v1alpha1.RoleActive:
		for _, c := range st.Conditions {
			if c.Type == v1alpha1.ConditionDatabaseReady && c.Status == "True" {
				return OtherActive, ""
			}
		}
		return OtherStarting, ""
	case st.Database.Data == v1alpha1.DataPresent:
		return OtherStandby, ""
	case st.Database.Data == v1alpha1.DataLost, st.Epoch > 0:
		return OtherLost, ""
	case st.Database.Data == v1alpha1.DataClaimed:
		return OtherClaims, ""
	case st.Database.Data == v1alpha1.DataNone:
		return OtherNone, ""
	}
	return OtherUnknown, "its operator has not looked at the pool yet"
}
