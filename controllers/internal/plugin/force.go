package plugin

import (
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
)

// forceGates are what it takes for a site to begin an epoch on a person's word. byHand: by kubectl chatpool activate,
// which also helps when the other site answers and serves nothing.
func forceGates(v View, to failover.Side, w naming.Word, byHand bool) []Gate {
	taker, other := v.Of(to), v.Of(to.Other())
	if !taker.Answers() {
		return []Gate{answers(v, taker, to)}
	}
	gates := []Gate{gate(taker.Name+" answers", true, "", ""), operatorLives(taker), notServing(taker)}
	if other.Answers() {
		gates = append(gates, otherShut(v, other, byHand))
	}
	gates = append(gates, silentFor(v, taker, other, byHand), theEpoch(v, taker, w, byHand))
	if w.NewPool {
		return append(gates, isEmpty(taker))
	}
	return append(gates, hasData(taker, byHand), abandons(v, taker, w, byHand), votes(taker))
}

// operatorLives: only the operator of the site that takes over can follow the word.
func operatorLives(s Seen) Gate {
	g := gate(s.Name+"'s operator lives", s.Pulse == Beats, orWord(string(s.Pulse), "not known"), "see that it runs: kubectl -n chatpool-system get pods")
	g.Note = s.Pulse == PulseUnknown
	return g
}

func notServing(s Seen) Gate {
	return gate(s.Name+" does not serve yet", !serves(s), fmt.Sprintf("%s, epoch %d", orWord(s.Pool.Status.Role, "no role yet"), s.Pool.Status.Epoch), "there is nothing to do")
}

// otherShut: what this command reaches of the other site counts, although the taker may not reach it.
func otherShut(v View, s Seen, byHand bool) Gate {
	lives, st := s.Pulse == Beats, s.Pool.Status
	g := gate(s.Name+" does not serve", !lives || byHand && st.Role != v1alpha1.RoleActive,
		fmt.Sprintf("role %s, its operator: %s", orWord(st.Role, "none yet"), orWord(string(s.Pulse), "not known")), "")
	if g.Cure = "its operator lives, so it is asked, not forced: " + v.command(verb(s.Side.Other()), ""); st.Role == v1alpha1.RoleActive {
		g.Cure += "; if the sites do not reach each other, first shut it by hand, at " + s.Name + ": " + v.command("release", "--epoch "+number(st.Epoch))
	}
	return g
}

// silentFor: a word that is given while the active site answers is void, and its epoch is burnt. That the site is
// silent, its operator says only after half a minute; this command may have seen it itself.
func silentFor(v View, taker, other Seen, byHand bool) Gate {
	p := peerOf(taker)
	silent := p.State == v1alpha1.PeerSilent || p.State == v1alpha1.PeerUnknown || p.State == v1alpha1.PeerAlive && other.Pulse == Still
	ok := silent || byHand && p.State == v1alpha1.PeerAlive && p.Role != v1alpha1.RoleActive
	why := orWord(p.State, "it has not looked yet") + since(p.Since)
	if p.Message != "" {
		why += ": " + p.Message
	}
	return gate(taker.Name+" hears nothing from "+other.Name, ok, why,
		"a word given while "+other.Name+" answers is void; if it was just lost, repeat this in half a minute; without force: "+v.command(verb(taker.Side), ""))
}

// theEpoch: a word names the epoch that begins by it, and is good once.
func theEpoch(v View, taker Seen, w naming.Word, byHand bool) Gate {
	m := mint(taker)
	if w.NewPool {
		m = mintNew(taker)
	}
	return gate(fmt.Sprintf("epoch %d is the next", w.Epoch), w.Epoch == m, fmt.Sprintf("%s would begin epoch %d", taker.Name, m), "say: "+forced(v, taker, naming.Word{Epoch: m, Abandon: w.Abandon, NewPool: w.NewPool}, byHand))
}

func isEmpty(s Seen) Gate {
	f := failoverOf(s)
	has := failover.Data(f.Data) == failover.DataPresent && f.HeldEpoch > 0
	return gate(s.Name+" has no data", !has, orWord(f.Data, "not known"), "--new-pool is for a site without: leave it out")
}

func hasData(s Seen, byHand bool) Gate {
	f := failoverOf(s)
	g := gate(s.Name+" has data", failover.Data(f.Data) == failover.DataPresent, orWord(f.Data, "its database does not answer"), "see that its database runs")
	if f.Data != "" {
		g.Cure = "there is nothing to go on with"
	}
	if f.Data != "" && byHand {
		g.Cure += "; if no site has data of this pool: --new-pool"
	}
	return g
}

// abandons: posts of an epoch that this site does not hold are given up only by name.
func abandons(v View, s Seen, w naming.Word, byHand bool) Gate {
	f, epoch := failoverOf(s), s.Pool.Status.Epoch
	behind := f.HeldEpoch != epoch || f.Strayed
	g := gate("what is abandoned is named", !behind || w.Abandon == epoch, "nothing: "+loss(s), "")
	switch {
	case w.Abandon != 0 && w.Abandon != epoch:
		g.OK, g.Why = false, fmt.Sprintf("--abandon names the epoch whose posts may be left behind, which is %d", epoch)
	case behind && w.Abandon == epoch:
		g.Why = fmt.Sprintf("epoch %d, of which %s does not have all", epoch, s.Name)
	case behind:
		g.Why = fmt.Sprintf("%s does not hold all of epoch %d", s.Name, epoch)
	}
	w.Abandon = 0
	if behind {
		w.Abandon = epoch
	}
	g.Cure = "say: " + forced(v, s, w, byHand)
	return g
}

// forced is the command with which a person says the word.
func forced(v View, s Seen, w naming.Word, byHand bool) string {
	flags := "--confirm " + number(w.Epoch)
	if byHand {
		flags = "--epoch " + number(w.Epoch)
	}
	if w.Abandon != 0 {
		flags += " --abandon " + number(w.Abandon)
	}
	if w.NewPool {
		flags += " --new-pool"
	}
	if byHand {
		return v.command("activate", flags)
	}
	return v.command(verb(s.Side), flags)
}
