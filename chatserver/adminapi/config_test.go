package adminapi_test

import (
	"errors"
	"strings"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"github.com/google/go-cmp/cmp"
)

const smallest = `{"pool":"demo","namespace":"chat","domain":"example.test","site":"home"}`

func TestSmallestConfigGetsDefaults(t *testing.T) {
	got, err := adminapi.ParsePoolConfig([]byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	want := &adminapi.PoolConfig{
		Pool: "demo", Namespace: "chat", Domain: "example.test", Site: "home", PoolURI: "sip:demo@example.test",
		Listen: adminapi.Listen{SIPS: ":5061", SIP: ":5060", Admin: ":8443", HTTP: ":9090"},
		Files: adminapi.Files{
			TLS: "/etc/chatpool/tls", InternalTLS: "/etc/chatpool/internal-tls", Users: "/etc/chatpool/users",
			Database: "/etc/chatpool/database", DatabaseCA: "/etc/chatpool/database-ca",
		},
		Database:  adminapi.Database{Port: 5432, DBName: "chat", MaxConns: 16},
		Directory: adminapi.Directory{Type: adminapi.Static},
		Limits:    chat.DefaultLimits(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConfigNormalisesAndKeepsWhatItSays(t *testing.T) {
	got, err := adminapi.ParsePoolConfig([]byte(`{"pool":"demo","namespace":"chat","domain":"example.test","site":"home",
		"listen":{"sip":"-","sips":"127.0.0.1:0"},
		"directory":{"users":[{"name":"alice","groups":["Traders"]},{"name":"bob","displayName":"Bob B."}]},
		"policy":{"enabledFor":["GROUP:Traders"]},
		"limits":{"defaultHistory":5}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen.SIP != adminapi.Off || got.Listen.SIPS != "127.0.0.1:0" {
		t.Errorf("listen %+v", got.Listen)
	}
	if u := got.Directory.Users; u[0].DisplayName != "alice" || u[1].DisplayName != "Bob B." {
		t.Errorf("users %+v", u)
	}
	if p := got.Policy.EnabledFor; p[0] != "group:traders" {
		t.Errorf("policy %v", p)
	}
	if l := got.Limits; l.DefaultHistory != 5 || l.MessageBytes != chat.DefaultLimits().MessageBytes {
		t.Errorf("limits %+v", l)
	}
}

func TestConfigThatIsRefusedNamesTheField(t *testing.T) {
	with := func(more string) string { return strings.TrimSuffix(smallest, "}") + "," + more + "}" }
	for name, c := range map[string]struct{ config, field string }{
		"no JSON":                            {`{`, ""},
		"more after it":                      {smallest + "{}", ""},
		"a number for a string":              {`{"pool":1}`, "pool"},
		"no pool":                            {`{"namespace":"chat","domain":"example.test"}`, "pool"},
		"no namespace":                       {`{"pool":"demo","domain":"example.test"}`, "namespace"},
		"no domain":                          {`{"pool":"demo","namespace":"chat"}`, "domain"},
		"a domain in upper case":             {`{"pool":"demo","namespace":"chat","domain":"Example.test"}`, "domain"},
		"a pool URI that is none":            {with(`"poolURI":"demo"`), "poolURI"},
		"an address without a port":          {with(`"listen":{"admin":"localhost"}`), "listen.admin"},
		"a database port beyond all":         {with(`"database":{"port":70000}`), "database.port"},
		"too few connections":                {with(`"database":{"maxConns":1}`), "database.maxConns"},
		"an unknown directory":               {with(`"directory":{"type":"LDAP"}`), "directory.type"},
		"a user name in upper case":          {with(`"directory":{"users":[{"name":"Alice"}]}`), "directory.users[0].name"},
		"a user name with a domain":          {with(`"directory":{"users":[{"name":"alice@example.test"}]}`), "directory.users[0].name"},
		"a user name that is a path":         {with(`"directory":{"users":[{"name":"../alice"}]}`), "directory.users[0].name"},
		"a user twice":                       {with(`"directory":{"users":[{"name":"alice"},{"name":"alice"}]}`), "directory.users[1].name"},
		"a group without a name":             {with(`"directory":{"users":[{"name":"alice","groups":[""]}]}`), "directory.users[0].groups"},
		"a principal in policy that is none": {with(`"policy":{"disabledFor":["alice"]}`), "policy.disabledFor"},
		"one site":                           {with(`"sites":[{"name":"home"}]`), "sites"},
		"a site without a name":              {with(`"sites":[{"name":"home"},{"sip":"b.test"}]`), "sites[1].name"},
		"two sites of one name":              {with(`"sites":[{"name":"home"},{"name":"home"}]`), "sites[1].name"},
		"a SIP name that is a URI":           {with(`"sites":[{"name":"home","sip":"sip:a.test"},{"name":"b"}]`), "sites[0].sip"},
		"a SIP port beyond all":              {with(`"sites":[{"name":"home","sip":"a.test:70000"},{"name":"b"}]`), "sites[0].sip"},
		"an HTTPS name that is a URL":        {with(`"sites":[{"name":"home"},{"name":"b","https":"https://b.test/"}]`), "sites[1].https"},
		"a site that is none of the pool's":  {with(`"sites":[{"name":"a"},{"name":"b"}]`), "site"},
		"an active server of no site":        {with(`"active":["abroad/0"]`), "active[0]"},
		"an active server by its pod's name": {with(`"active":["home/0","demo-chat-1"]`), "active[1]"},
		"an active server with a zero more":  {with(`"active":["home/01"]`), "active[0]"},
		"a limit that is out of range":       {with(`"limits":{"messageBytes":1}`), "limits.messageBytes"},
	} {
		_, err := adminapi.ParsePoolConfig([]byte(c.config))
		var e *chat.Error
		if !errors.As(err, &e) || e.Kind != chat.Invalid || e.Field != c.field {
			t.Errorf("%s: %v; want Invalid of field %q", name, err, c.field)
		}
	}
}

// While an update waits, servers of the version before start with what the new operator has written.
func TestConfigOfANewerOperatorIsRead(t *testing.T) {
	newer := strings.TrimSuffix(smallest, "}") + `,"colour":"red","limits":{"shades":3},"directory":{"users":[{"name":"alice","shade":1}]}}`
	got, err := adminapi.ParsePoolConfig([]byte(newer))
	if err != nil || got.Directory.Users[0].Name != "alice" {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := adminapi.UnknownField([]byte(newer)); err == nil || !strings.Contains(err.Error(), `"colour"`) {
		t.Errorf("what is not known is reported as %v", err)
	}
	if err := adminapi.UnknownField([]byte(smallest)); err != nil {
		t.Error(err)
	}
}

func FuzzParsePoolConfig(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(`{"limits":{},"policy":{"enabledFor":["sip:a@b"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := adminapi.ParsePoolConfig(b)
		if err == nil && c.Limits.Validate() != nil {
			t.Error("limits out of range were let through")
		}
		if err != nil && !chat.Is(err, chat.Invalid) {
			t.Errorf("kind %s: %v", chat.KindOf(err), err)
		}
	})
}

func TestSitesAndServersInService(t *testing.T) {
	read := func(more string) *adminapi.PoolConfig {
		c, err := adminapi.ParsePoolConfig([]byte(strings.TrimSuffix(smallest, "}") + more + "}"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := read(`,"sites":[{"name":"home","sip":"[2001:db8::1]"},{"name":"backup","sip":"b.test:15061","https":"b.test"}],"active":["home/1","backup/0"]`)
	if got := c.Sites[0].Address() + " " + c.Sites[1].Address(); got != "[2001:db8::1]:5061 b.test:15061" || c.Other().Name != "backup" {
		t.Errorf("addresses %s, the other is %+v", got, c.Other())
	}
	if c.InService("demo-chat-0") || !c.InService("demo-chat-1") || c.InService("demo-chat-11") || c.Maintenance() {
		t.Error("in service are others than home/1")
	}
	for more, stopped := range map[string]bool{"": false, `,"active":null`: false, `,"active":[]`: true} {
		if c := read(more); c.Maintenance() != stopped || !c.InService("demo-chat-0") || c.Other() != nil {
			t.Errorf("%q: maintenance %v", more, c.Maintenance())
		}
	}
}
