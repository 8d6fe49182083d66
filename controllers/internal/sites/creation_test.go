package sites

import (
	"testing"

	"chatpool.dev/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func TestFirstCreation(t *testing.T) {
	home := func(own Own, peer Other) Situation {
		return Situation{Own: own, Peer: peer, Lives: true, Primary: true}
	}
	backup := func(own Own, peer Other) Situation { return Situation{Own: own, Peer: peer} }
	said := func(s Situation) Situation { s.NewPool = true; return s }
	for sentence, c := range map[string]struct {
		in      Situation
		step    Step
		reason  string
		stalled bool
	}{
		"home has a database, whatever the other says":                   {home(OwnActive, OtherActive), KeepActive, "", false},
		"backup has a standby and the other is unknown":                  {backup(OwnStandby, OtherUnknown), KeepStandby, "", false},
		"home asks, and the other does not answer":                       {home(OwnNone, OtherUnknown), Wait, v1alpha1.ReasonPeerUnknown, false},
		"it claimed, and the other does not answer any more":             {home(OwnClaimed, OtherUnknown), Wait, v1alpha1.ReasonPeerUnknown, false},
		"the other has nothing, so home claims":                          {home(OwnNone, OtherNone), Claim, "", false},
		"the other still has nothing after the claim":                    {home(OwnClaimed, OtherNone), Initialise, "", false},
		"the other has the data":                                         {home(OwnNone, OtherActive), Follow, "", false},
		"home was rebuilt, claimed, and then saw the data":               {home(OwnClaimed, OtherActive), Follow, "", false},
		"the other has the data and starts":                              {home(OwnNone, OtherStarting), Wait, v1alpha1.ReasonPeerCreates, false},
		"the other has the data and follows nobody":                      {home(OwnNone, OtherStandby), Wait, v1alpha1.ReasonPeerHasData, true},
		"the other lost the data":                                        {home(OwnNone, OtherLost), Wait, v1alpha1.ReasonDataLost, true},
		"home lost the data and the other has none":                      {home(OwnLost, OtherNone), Wait, v1alpha1.ReasonDataLost, true},
		"home lost the data and the other is unknown":                    {home(OwnLost, OtherUnknown), Wait, v1alpha1.ReasonDataLost, true},
		"home lost the data, and a person says that the pool is new":     {said(home(OwnLost, OtherUnknown)), Wait, v1alpha1.ReasonDataLost, true},
		"home lost the data and the other serves it":                     {home(OwnLost, OtherActive), Follow, "", false},
		"both claim: home holds":                                         {home(OwnClaimed, OtherClaims), Hold, v1alpha1.ReasonBothActive, false},
		"the other claims first: home claims, so that it steps back":     {home(OwnNone, OtherClaims), Claim, "", false},
		"both claim: backup steps back":                                  {Situation{Own: OwnClaimed, Peer: OtherClaims, Lives: true}, Wait, v1alpha1.ReasonPeerCreates, false},
		"backup waits for home":                                          {backup(OwnNone, OtherNone), Wait, v1alpha1.ReasonPeerCreates, false},
		"backup waits while home claims":                                 {backup(OwnNone, OtherClaims), Wait, v1alpha1.ReasonPeerCreates, false},
		"backup does not know home":                                      {backup(OwnNone, OtherUnknown), Wait, v1alpha1.ReasonPeerUnknown, false},
		"backup follows home":                                            {backup(OwnNone, OtherActive), Follow, "", false},
		"a person says new, nobody answers: it claims first":             {said(home(OwnNone, OtherUnknown)), Claim, "", false},
		"a person says new, nobody answers after the claim":              {said(home(OwnClaimed, OtherUnknown)), Initialise, "", false},
		"a person says new, but the other has the data":                  {said(home(OwnClaimed, OtherActive)), Follow, "", false},
		"a person says new, but the other has the data as a standby":     {said(home(OwnClaimed, OtherStandby)), Wait, v1alpha1.ReasonPeerHasData, true},
		"a person says new at the backup, which has nothing else to ask": {said(backup(OwnClaimed, OtherNone)), Initialise, "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := Decide(c.in)
			if got.Step != c.step || got.Reason != c.reason || got.Stalled != c.stalled {
				t.Errorf("got %+v, want step %d, reason %q, stalled %t", got, c.step, c.reason, c.stalled)
			}
			if got.Step == Wait && got.Message == "" {
				t.Error("it waits and does not say for what")
			}
		})
	}
}

// model is one site in the property test: what stands in its cluster, and what its operator has in mind in a round.
type model struct {
	database Own    // OwnActive, OwnStandby or OwnNone
	data     string // status.database.data
	lives    bool   // by its own manifest, which may be stale
	primary  bool
	newPool  bool

	step int // of the round: 0 begin, 1 claimed, read next, 2 decide and act
	own  Own
	read Other
}

func (m *model) facts() Own {
	switch {
	case m.database != OwnNone:
		return m.database
	case m.data == v1alpha1.DataPresent || m.data == v1alpha1.DataLost:
		return OwnLost
	case m.data == v1alpha1.DataClaimed:
		return OwnClaimed
	}
	return OwnNone
}

func (m *model) answer() Other {
	switch {
	case m.data == v1alpha1.DataPresent && m.database == OwnStandby:
		return OtherStandby
	case m.data == v1alpha1.DataPresent:
		return OtherActive
	case m.data == v1alpha1.DataLost:
		return OtherLost
	case m.data == v1alpha1.DataClaimed:
		return OtherClaims
	case m.data == v1alpha1.DataNone:
		return OtherNone
	}
	return OtherUnknown
}

// In any interleaving of the two operators' reads and writes, of crashes between them, unanswered reads, manifests that
// differ and sites rebuilt from nothing, no empty database is made beside a living one; except that a person said so of
// a site whose other one did not answer.
func TestNeverAnEmptyDatabaseBesideALivingOne(t *testing.T) {
	world := func(t *rapid.T) {
		begin := rapid.SampledFrom([]string{"", v1alpha1.DataNone, v1alpha1.DataClaimed})
		pair := [2]*model{
			{primary: true, lives: rapid.Bool().Draw(t, "home wants"), data: begin.Draw(t, "home has")},
			{lives: rapid.Bool().Draw(t, "backup wants"), data: begin.Draw(t, "backup has")},
		}
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "site")
			m, other := pair[i], pair[1-i]
			switch rapid.SampledFrom([]string{"round", "round", "round", "round", "round", "round", "round", "round",
				"round", "round", "round", "round", "round", "round", "round", "round",
				"crash", "flip", "rebuilt", "lost", "said", "persisted"}).Draw(t, "event") {
			case "crash":
				m.step = 0
			case "flip":
				m.lives = !m.lives
			case "rebuilt": // from nothing: etcd and volumes are gone, while the other site lives on
				*m = model{lives: m.lives, primary: m.primary}
				other.step = 0 // which takes longer than a round, whose reads have deadlines
			case "lost": // the Cluster is deleted
				m.database = OwnNone
				if m.data == v1alpha1.DataPresent {
					m.data = v1alpha1.DataLost
				}
				m.step = 0
			case "said":
				m.newPool = true
			case "persisted":
				if m.database != OwnNone {
					m.data = v1alpha1.DataPresent
				}
			case "round":
				switch m.step {
				case 0: // gather; a claim is written before the other site is read
					m.own = m.facts()
					if m.data == "" {
						m.data = v1alpha1.DataNone
					}
					claims := m.own == OwnClaimed || m.own == OwnNone &&
						Decide(Situation{m.own, other.answer(), m.lives, m.newPool, m.primary}).Step == Claim
					if claims {
						m.own, m.data = OwnClaimed, v1alpha1.DataClaimed
					}
				case 1:
					m.read = OtherUnknown
					if rapid.IntRange(0, 3).Draw(t, "answers") > 0 {
						m.read = other.answer()
					}
				case 2:
					d := Decide(Situation{m.own, m.read, m.lives, m.newPool, m.primary})
					switch d.Step {
					case Initialise:
						if other.database != OwnNone && !(m.newPool && m.read == OtherUnknown) && !other.newPool {
							t.Fatalf("an empty database beside one that is %v: own %v, read %v", other.database, m.own, m.read)
						}
						m.database = OwnActive
					case Follow: // and perhaps a crash before there is a database
						m.data = v1alpha1.DataPresent
						if rapid.IntRange(0, 5).Draw(t, "crashes") > 0 {
							m.database = OwnStandby
						}
					default:
						if m.database == OwnNone && m.own != OwnLost && !d.Claims(m.own == OwnClaimed) {
							m.data = v1alpha1.DataNone
						}
					}
				}
				m.step = (m.step + 1) % 3
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			world(t)
		}
	})
}

// Two sites that both live, agree and answer get one database and one that follows it, in a few rounds.
func TestEveryStateHasAnExit(t *testing.T) {
	pair := [2]*model{{primary: true, lives: true}, {}}
	for range 6 {
		for i, m := range pair {
			other := pair[1-i]
			if m.data == "" {
				m.data = v1alpha1.DataNone
			}
			d := Decide(Situation{m.facts(), other.answer(), m.lives, false, m.primary})
			switch d.Step {
			case Claim:
				m.data = v1alpha1.DataClaimed
			case Initialise:
				m.database, m.data = OwnActive, v1alpha1.DataPresent
			case Follow:
				m.database, m.data = OwnStandby, v1alpha1.DataPresent
			}
		}
	}
	if pair[0].database != OwnActive || pair[1].database != OwnStandby {
		t.Errorf("home has %v, backup has %v", pair[0].database, pair[1].database)
	}
}

func TestWhatTheOtherSiteSays(t *testing.T) {
	own := &v1alpha1.ChatPool{}
	own.UID = "1"
	pair := Pair{v1alpha1.Site{Name: "home"}, v1alpha1.Site{Name: "backup"}}
	ready := []metav1.Condition{{Type: v1alpha1.ConditionDatabaseReady, Status: "True"}}
	for sentence, c := range map[string]struct {
		change func(*v1alpha1.ChatPool)
		want   Other
	}{
		"nobody has looked there":              {func(p *v1alpha1.ChatPool) { p.Status.Database.Data = "" }, OtherUnknown},
		"it has nothing":                       {func(*v1alpha1.ChatPool) {}, OtherNone},
		"it has nothing but knows of an epoch": {func(p *v1alpha1.ChatPool) { p.Status.Epoch = 1 }, OtherLost},
		"it claims":                            {func(p *v1alpha1.ChatPool) { p.Status.Database.Data = v1alpha1.DataClaimed }, OtherClaims},
		"it lost its data":                     {func(p *v1alpha1.ChatPool) { p.Status.Database.Data = v1alpha1.DataLost }, OtherLost},
		"it has data and nobody said its role": {func(p *v1alpha1.ChatPool) { p.Status.Database.Data = v1alpha1.DataPresent }, OtherStandby},
		"it starts": {func(p *v1alpha1.ChatPool) {
			p.Status.Database.Data, p.Status.Role = v1alpha1.DataPresent, v1alpha1.RoleActive
		}, OtherStarting},
		"it is active": {func(p *v1alpha1.ChatPool) {
			p.Status.Database.Data, p.Status.Role, p.Status.Conditions = v1alpha1.DataPresent, v1alpha1.RoleActive, ready
		}, OtherActive},
		"it is this very cluster":            {func(p *v1alpha1.ChatPool) { p.UID = "1" }, OtherUnknown},
		"it is being deleted":                {func(p *v1alpha1.ChatPool) { p.DeletionTimestamp = &metav1.Time{}; *p.DeletionTimestamp = metav1.Now() }, OtherUnknown},
		"its operator is of another site":    {func(p *v1alpha1.ChatPool) { p.Status.Site = "home" }, OtherUnknown},
		"its manifest has one site":          {func(p *v1alpha1.ChatPool) { p.Spec.Sites = p.Spec.Sites[:1] }, OtherUnknown},
		"its manifest has another first one": {func(p *v1alpha1.ChatPool) { p.Spec.Sites[0].Name = "elsewhere" }, OtherUnknown},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := &v1alpha1.ChatPool{}
			p.UID = "2"
			p.Spec.Sites = []v1alpha1.Site{{Name: "home"}, {Name: "backup"}}
			p.Status.Site, p.Status.Database.Data = "backup", v1alpha1.DataNone
			c.change(p)
			got, why := OtherOf(p, own, pair)
			if got != c.want || (got == OtherUnknown) != (why != "") {
				t.Errorf("got %v, %q; want %v", got, why, c.want)
			}
		})
	}
}
