package failover

// check looks at a view. It has the last word when it returns true; else the next one looks.
type check struct {
	name    string
	section string // of the design that the rule comes from
	decides func(*view) bool
}

// twoSites is the chain of a site. The order is the rule: whatever closes comes before whatever opens.
var twoSites = []check{
	// What closes.
	{"ShutOvertaken", "2, a higher epoch always wins", shutOvertaken},
	{"ShutBeforeClaim", "2, within first contact", shutBeforeClaim},
	{"RecordPromoted", "4, an epoch begins with a promotion", recordPromoted},
	{"StepBack", "2, claim, then check", stepBack},
	{"SitesDisagree", "1", sitesDisagree},
	// What was begun.
	{"GoOnTaking", "4, promotion", goOnTaking},
	{"GaveAway", "4, after the grant only forward", gaveEpochAway},
	{"ReleasedItself", "3, assisted", releasedItself},
	// The site whose epoch is the highest.
	{"ReleaseByHand", "3, release", releaseByHand},
	{"Assisted", "3, assisted", assisted},
	{"Planned", "3 and 4, planned", planned},
	{"LostItsEpoch", "2, first creation", lostItsEpoch},
	{"Serve", "2, active", serve},
	{"Prove", "2, proof", prove},
	// The other one.
	{"Found", "2, first creation", found},
	{"TakeGranted", "4, planned", takeGranted},
	{"TakeReleased", "3, assisted", takeReleased},
	{"Force", "3, forced", force},
	{"Join", "2, first creation", join},
	{"Return", "4, return of a site", comeBack},
	{"Follow", "1, standby", follow},
}

// Decide tells what a site is and what its operator does next. It is pure: the same observation, the same decision.
func Decide(o Observation) Decision {
	v := look(o)
	for _, c := range twoSites {
		if c.decides(v) {
			v.d.Rule = c.name
			break
		}
	}
	v.conclude()
	return v.d
}

// sitesDisagree: two manifests that make both sites the same one would mint the same epochs. Nothing is safe then.
func sitesDisagree(v *view) bool {
	if !v.Peer.Known || v.Peer.Spec.Self == "" || v.Peer.Spec.Self == v.Self.Other() && v.Spec.Self == v.Self {
		return false
	}
	return v.wait("spec.sites differs between the sites: both must name the same Primary and the same Backup")
}
