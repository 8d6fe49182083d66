package pg

import (
	"crypto/tls"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The other site's database is asked for as the own one is, under its own name.
func TestSettingsForAnotherSite(t *testing.T) {
	own := Source{Host: "own", Port: 5432, Database: "chat", User: "u", Dir: secret(t, map[string]string{"password": "p"})}
	verified := func() (*pgx.ConnConfig, error) {
		c, err := own.Config()
		if err == nil {
			c.TLSConfig = &tls.Config{ServerName: "own", MinVersion: tls.VersionTLS12}
		}
		return c, err
	}
	for name, config := range map[string]func() (*pgx.ConnConfig, error){"with a CA": verified, "if the server offers TLS": own.Config} {
		s := &Store{config: config, pod: "chat-0"}
		c, err := s.elsewhere("other.example", 6000)
		if err != nil {
			t.Fatal(err)
		}
		if c.Host != "other.example" || c.Port != 6000 || c.Database != "chat" || c.User != "u" || c.Password != "p" {
			t.Errorf("%s: %s:%d, %s as %s", name, c.Host, c.Port, c.Database, c.User)
		}
		if c.TLSConfig == nil || c.TLSConfig.ServerName != "other.example" || name == "with a CA" && c.TLSConfig.InsecureSkipVerify {
			t.Errorf("%s: %+v", name, c.TLSConfig)
		}
		for _, f := range c.Fallbacks {
			if f.Host != "other.example" || f.Port != 6000 {
				t.Errorf("%s: falls back to %s:%d", name, f.Host, f.Port)
			}
		}
		if p := c.RuntimeParams; p["default_transaction_read_only"] != "on" || p["statement_timeout"] != "120000" || p["application_name"] != "chat-0/salvage" {
			t.Errorf("%s: %v", name, p)
		}
	}
}
