package convert

import (
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"

	"github.com/google/go-cmp/cmp"
)

func pool() *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{}
	p.Name, p.Namespace, p.Spec.Domain = "demo", "chat", "example.com"
	p.Spec.Database.Provider = v1alpha1.CloudNativePG
	p.Spec.Directory.Static.Users = []v1alpha1.StaticUser{{Name: "alice", DisplayName: "Alice", Groups: []string{"traders"}, Admin: true}}
	p.Spec.Policy = v1alpha1.PolicySpec{EnabledFor: []v1alpha1.Principal{"Group:Traders"}, DisabledFor: []v1alpha1.Principal{"sip:Eve@Example.com"}}
	p.Spec.Sites = []v1alpha1.Site{{Name: "home", Role: v1alpha1.SitePrimary, SIPName: "sip.example.com"}}
	return p
}

// What we write is what the chat server reads, defaults included.
func TestTheServerReadsTheConfiguration(t *testing.T) {
	c, err := PoolConfig(pool(), "home")
	if err != nil {
		t.Fatal(err)
	}
	text, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := adminapi.ParsePoolConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got); d != "" {
		t.Errorf("written and read differ (-written +read):\n%s", d)
	}
	if got.PoolURI != "sip:demo@example.com" || got.Policy.EnabledFor[0] != "group:traders" || got.Policy.DisabledFor[0] != "sip:eve@example.com" ||
		got.Limits != chat.DefaultLimits() || got.Database.Host != "demo-db-rw.chat.svc" || got.PublicNames[0] != "sip.example.com" {
		t.Errorf("read %+v", got)
	}
}

func TestRestartHashChangesWithWhatIsReadAtTheStartOnly(t *testing.T) {
	hash := func(change func(*v1alpha1.ChatPool)) string {
		p := pool()
		change(p)
		c, err := PoolConfig(p, "home")
		if err != nil {
			t.Fatal(err)
		}
		h, err := RestartHash(c)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	same := hash(func(*v1alpha1.ChatPool) {})
	for sentence, c := range map[string]struct {
		change  func(*v1alpha1.ChatPool)
		restart bool
	}{
		"a user":               {func(p *v1alpha1.ChatPool) { p.Spec.Directory.Static.Users = nil }, false},
		"the policy":           {func(p *v1alpha1.ChatPool) { p.Spec.Policy.Enabled = true }, false},
		"a limit":              {func(p *v1alpha1.ChatPool) { p.Spec.Limits.DefaultHistory = 100 }, false},
		"legacy digest":        {func(p *v1alpha1.ChatPool) { p.Spec.Auth.LegacyDigest = true }, false},
		"plain TCP":            {func(p *v1alpha1.ChatPool) { p.Spec.Auth.PlainTCP = true }, true},
		"the domain":           {func(p *v1alpha1.ChatPool) { p.Spec.Domain = "example.org" }, true},
		"a public name":        {func(p *v1alpha1.ChatPool) { p.Spec.Sites = nil }, true},
		"the database":         {func(p *v1alpha1.ChatPool) { p.Spec.Database.Provider = v1alpha1.External }, true},
		"a handful of servers": {func(p *v1alpha1.ChatPool) { n := int32(9); p.Spec.Servers.Replicas = &n }, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := hash(c.change) != same; got != c.restart {
				t.Errorf("restart %t, want %t", got, c.restart)
			}
		})
	}
}

// However many servers there are, together they leave the database's reserve alone.
func TestServersShareTheDatabasesConnections(t *testing.T) {
	for n := int32(1); n <= 64; n++ {
		p := pool()
		p.Spec.Servers.Replicas = &n
		if each := connections(p); each < 4 || each > 16 || int(n)*each > MaxConnections-Reserved {
			t.Errorf("%d servers with %d connections each", n, each)
		}
	}
}

func TestPrincipalsThatTheCoreRefusesAreNamedByField(t *testing.T) {
	p, r, c := pool(), &v1alpha1.Room{}, &v1alpha1.Category{}
	p.Spec.Policy.EnabledFor = append(p.Spec.Policy.EnabledFor, "sip:a@b..c")
	r.Spec.Managers = []v1alpha1.Principal{"alice"}
	c.Spec.Creators = []v1alpha1.Principal{"domain:"}
	_, poolErr := PoolConfig(p, "home")
	_, roomErr := Room(r)
	_, categoryErr := Category(c)
	for field, err := range map[string]error{"spec.policy.enabledFor[1]": poolErr, "spec.managers[0]": roomErr, "spec.creators[0]": categoryErr} {
		if e, ok := err.(*chat.Error); !ok || e.Kind != chat.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestRoomsAndCategoriesGetTheirDefaults(t *testing.T) {
	r, c := &v1alpha1.Room{}, &v1alpha1.Category{}
	r.Name, r.Namespace, r.Spec.CategoryName, r.Spec.Privacy = "lobby", "chat", "desks", "Open"
	c.Name = "desks"
	room, err := Room(r)
	if err != nil || room.Name != "lobby" || room.Category != "chat/desks" || room.Privacy != chat.Open {
		t.Errorf("room %+v, %v", room, err)
	}
	c.Spec.Name = "Trading desks"
	category, err := Category(c)
	if err != nil || category.Name != "Trading desks" {
		t.Errorf("category %+v, %v", category, err)
	}
}

func TestAWitnessIsToldWithoutARestart(t *testing.T) {
	p := pool()
	p.Spec.Sites = []v1alpha1.Site{{Name: "home", Role: v1alpha1.SitePrimary}, {Name: "backup", Role: v1alpha1.SiteBackup}}
	var hashes [2]string
	for i, w := range []*v1alpha1.WitnessSpec{nil, {}} {
		p.Spec.Witness = w
		c, err := PoolConfig(p, "home")
		if err != nil {
			t.Fatal(err)
		}
		if c.Witness != (w != nil) {
			t.Errorf("witness %v: %v", w, c.Witness)
		}
		if hashes[i], err = RestartHash(c); err != nil {
			t.Fatal(err)
		}
	}
	if hashes[0] != hashes[1] {
		t.Error("servers are restarted")
	}
}
