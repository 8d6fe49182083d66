package failover

import "math/rand/v2"

// profile is what kinds of stories are told: how likely each event is, and which scenes occur.
type profile struct {
	name    string
	witness bool
	salvage bool // it is carried out
	weights map[kind]int
	scenes  []scene
}

// scene is a course of events that chance alone would hardly find; it is played with interruptions.
type scene func(r *rand.Rand) []event

// The active and the standby site are who they are when the event happens.
const (
	theActive  Side = "the active site"
	theStandby Side = "the standby site"
)

var (
	often = map[kind]int{step: 240, roundTrip: 160, pass: 60, idling: 20, crashOperator: 8, partialAction: 8, killPod: 6, killPods: 6,
		cutLink: 6, mendLink: 12, cutReplication: 4, mendReplication: 8, slowReplication: 3, mute: 3, deafen: 6, speak: 12, apiDown: 3, apiUp: 8,
		powerOff: 4, powerOn: 12, freeze: 2, flip: 8, inSiteFailover: 4, alone: 8}
	people   = map[kind]int{obey: 14, confirm: 2, activate: 2, release: 2, abandonTail: 1}
	ruin     = map[kind]int{destroyVolumes: 2, rebuild: 2}
	archives = map[kind]int{takeSnapshot: 8, restoreSnapshot: 8, oldVolumes: 4}
	third    = map[kind]int{cutWitness: 8, mendWitness: 12}
)

func weights(parts ...map[kind]int) map[kind]int {
	all := map[kind]int{}
	for _, part := range parts {
		for k, n := range part {
			all[k] += n
		}
	}
	return all
}

var profiles = []profile{
	{"planned moves and restarts", false, true, often, []scene{moves, coldStart, lostDatabase}},
	{"races", false, true, weights(often, people), []scene{race, coldStart, powerCut}},
	{"disasters with people", false, true, weights(often, people), []scene{moves, coldStart, lostDatabase, powerCut, liveForce, tail}},
	{"ruins", false, true, weights(often, people, ruin), []scene{moves, coldStart, lostDatabase, powerCut, liveForce, tail, secondDisaster}},
	{"snapshots and old volumes", false, true, weights(often, people, archives), []scene{moves, coldStart, powerCut, liveForce, tail, history, amnesia}},
	{"with a witness", true, true, weights(often, people, third), []scene{moves, coldStart, lostDatabase, powerCut, liveForce, tail, votes}},
	{"everything at once", true, true, weights(often, people, ruin, archives, third), []scene{moves, coldStart, lostDatabase, powerCut, liveForce, tail, secondDisaster, history}},
}

func (p profile) events(r *rand.Rand, n int) []event {
	var bag []kind
	for k := step; k < kinds; k++ {
		for range p.weights[k] {
			bag = append(bag, k)
		}
	}
	any := func() event { return event{bag[r.IntN(len(bag))], side(r), r.IntN(100)} }
	var list []event
	for len(list) < n {
		if r.IntN(12) > 0 {
			list = append(list, any())
			continue
		}
		calm := r.IntN(3) == 0
		for _, e := range p.scenes[r.IntN(len(p.scenes))](r) {
			list = append(list, e)
			for !calm && r.IntN(3) == 0 {
				list = append(list, event{step, side(r), r.IntN(100)})
			}
			if !calm && r.IntN(12) == 0 {
				list = append(list, any())
			}
		}
	}
	return list
}

func side(r *rand.Rand) Side { return []Side{Home, Backup}[r.IntN(2)] }

func some(r *rand.Rand, list ...event) []event {
	var chosen []event
	for _, e := range list {
		if r.IntN(4) > 0 {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

func times(n int, e event) []event {
	var list []event
	for range n {
		list = append(list, e)
	}
	return list
}

// moves: both specs are flipped, and the move is gone through step by step.
func moves(r *rand.Rand) []event {
	list := []event{{flip, side(r), 0}}
	for range 5 + r.IntN(30) {
		list = append(list, event{step, side(r), r.IntN(100)})
		if r.IntN(6) == 0 {
			list = append(list, event{pass, Home, r.IntN(3)})
		}
	}
	return append(list, event{idling, Home, r.IntN(100)})
}

// coldStart: every server of the active site starts anew, with the peer seen or not.
func coldStart(r *rand.Rand) []event {
	list := some(r, event{cutLink, theActive, 0}, event{cutLink, theStandby, 0})
	if r.IntN(2) == 0 {
		list = nil
	}
	if r.IntN(2) == 0 {
		list = append(list, event{killPods, theActive, 0})
	} else {
		list = append(list, event{powerOff, theActive, 0}, event{pass, Home, r.IntN(50)}, event{powerOn, Home, 0}, event{powerOn, Backup, 0})
	}
	list = append(list, event{idling, Home, r.IntN(100)})
	return append(append(list, some(r, event{obey, Home, 0}, event{idling, Home, 9})...), mended()...)
}

// lostDatabase: the active site's database goes away while its operator lives.
func lostDatabase(r *rand.Rand) []event {
	gone := event{destroyVolumes, theActive, 0}
	if r.IntN(2) == 0 {
		gone = event{mute, theActive, 0}
	}
	list := []event{gone, {idling, Home, r.IntN(100)}, {flip, side(r), 0}}
	for range r.IntN(30) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	return append(list, event{idling, Home, 99}, event{speak, Home, 0}, event{speak, Backup, 0})
}

// powerCut: the active site is off; the standby is told to go on; the old one comes back.
func powerCut(r *rand.Rand) []event {
	list := []event{{powerOff, theActive, 0}, {idling, Home, 99}, {flip, theStandby, 1}, {alone, theStandby, 30}, {obey, theStandby, 0}}
	for range r.IntN(40) {
		list = append(list, event{step, theStandby, r.IntN(100)})
	}
	list = append(list, event{alone, theStandby, r.IntN(100)}, event{powerOn, Home, 0}, event{powerOn, Backup, 0})
	for range r.IntN(30) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	return append(list, event{idling, Home, r.IntN(100)})
}

// liveForce: links are cut, nobody is down, and a person forces the standby all the same.
func liveForce(r *rand.Rand) []event {
	list := []event{{cutLink, theStandby, 0}}
	if r.IntN(3) > 0 {
		list = append(list, event{cutLink, theActive, 0})
	}
	if r.IntN(2) == 0 {
		list = append(list, event{cutReplication, Home, 0})
	}
	list = append(list, event{flip, theStandby, 1}, event{idling, Home, 99}, event{obey, theStandby, 0}, event{idling, Home, r.IntN(100)})
	if r.IntN(3) == 0 {
		list = append(list, event{killPods, theActive, 0}, event{idling, Home, r.IntN(100)}, event{obey, side(r), 0}, event{idling, Home, r.IntN(100)})
	}
	for range r.IntN(20) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	list = append(list, mended()...)
	for range r.IntN(30) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	return list
}

// tail: replication is cut first, so that there is something to salvage.
func tail(r *rand.Rand) []event {
	list := append([]event{{cutReplication, Home, 0}, {pass, Home, r.IntN(50)}}, powerCut(r)...)
	if r.IntN(2) == 0 {
		list = append(list, event{inSiteFailover, side(r), 0})
	}
	list = append(list, event{mendReplication, Home, 0})
	for range r.IntN(40) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	return list
}

// secondDisaster: the site that took over is lost while the old one is coming back.
func secondDisaster(r *rand.Rand) []event {
	list := append(tail(r), event{powerOff, theActive, 0}, event{idling, Home, 99}, event{flip, theStandby, 1}, event{idling, Home, 9})
	list = append(list, times(2, event{obey, side(r), 0})...)
	return append(list, event{idling, Home, r.IntN(100)}, event{powerOn, Home, 0}, event{powerOn, Backup, 0}, event{idling, Home, 20})
}

// history: etcd is restored to what it was before a move.
func history(r *rand.Rand) []event {
	before := event{takeSnapshot, side(r), 0}
	list := append([]event{before}, moves(r)...)
	if r.IntN(2) == 0 {
		list = append(moves(r), before)
		list = append(list, times(r.IntN(20), event{step, before.side, r.IntN(100)})...)
	}
	list = append(list, some(r, event{killPods, before.side, 0}, event{cutLink, side(r), 0}, event{cutReplication, Home, 0})...)
	list = append(list, event{restoreSnapshot, before.side, 0}, event{idling, Home, r.IntN(60)})
	return append(list, mended()...)
}

// race: the active site's servers start anew while its operator is not heard, and a person forces the standby: activation
// and force meet.
func race(r *rand.Rand) []event {
	list := []event{{killPods, theActive, 0}}
	if r.IntN(3) == 0 {
		list = nil
	}
	list = append(list, event{flip, theStandby, 1}, event{alone, theStandby, 80}, event{alone, theStandby, 60})
	if r.IntN(2) == 0 {
		list = append(list, event{killPods, theActive, 0})
	}
	list = append(list, event{obey, theStandby, 0})
	one, other := theActive, theStandby
	for range 10 + r.IntN(40) {
		if r.IntN(3) == 0 {
			one, other = other, one
		}
		list = append(list, event{step, one, r.IntN(3)})
		if r.IntN(5) == 0 {
			list = append(list, event{pass, Home, r.IntN(3)})
		}
	}
	return list
}

// amnesia: the site that took over gets its etcd back from before, and does not see its own database.
func amnesia(r *rand.Rand) []event {
	old, taker := Home, Backup
	if r.IntN(2) == 0 {
		old, taker = taker, old
	}
	list := []event{{takeSnapshot, taker, 0}, {powerOff, old, 0}, {flip, taker, 1}, {alone, taker, 99}, {alone, taker, 60}, {obey, taker, 0},
		{alone, taker, 80}, {mute, taker, 0}, {restoreSnapshot, taker, 0}, {powerOn, old, 0}}
	if r.IntN(2) == 0 {
		list = append(list, event{alone, old, r.IntN(100)})
	}
	for range r.IntN(40) {
		list = append(list, event{step, side(r), r.IntN(100)})
	}
	return append(list, event{idling, Home, r.IntN(40)}, event{speak, taker, 0})
}

// votes: the active site lives by the standby's vote alone, and the standby does not see it.
func votes(r *rand.Rand) []event {
	list := []event{{cutWitness, theActive, 0}, {cutLink, theStandby, 0}, {flip, theStandby, 1}, {idling, Home, 45 + r.IntN(30)}}
	for range r.IntN(10) {
		list = append(list, event{roundTrip, side(r), 0})
	}
	return append(append(list, event{alone, theStandby, r.IntN(100)}, event{idling, Home, r.IntN(60)}), mended()...)
}

func mended() []event {
	return []event{{mendLink, Home, 0}, {mendLink, Backup, 0}, {mendReplication, Home, 0}}
}
