package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// ParsePoolConfig reads a configuration file, fills in the defaults and checks every field. Its errors are of kind
// Invalid and name the field. Fields that it does not know are passed over (UnknownField names them): an operator that
// was updated writes them while servers of the version before wait for their update, and must be able to start.
func ParsePoolConfig(b []byte) (*PoolConfig, error) {
	c := &PoolConfig{Limits: chat.DefaultLimits()}
	if err := decode(bytes.NewReader(b), c, false); err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// UnknownField tells of a configuration file that ParsePoolConfig has read what it passed over: an error that names
// the first field that it does not know, or nil.
func UnknownField(b []byte) error { return DecodeStrict(bytes.NewReader(b), &PoolConfig{}) }

// DecodeStrict reads exactly one JSON value into v and refuses unknown fields. Errors are of kind Invalid.
func DecodeStrict(r io.Reader, v any) error { return decode(r, v, true) }

func decode(r io.Reader, v any, strict bool) error {
	d := json.NewDecoder(r)
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return chat.FieldErrorf(wrongType.Field, "a JSON %s cannot be read here: want %s", wrongType.Value, wrongType.Type)
		}
		return chat.Errorf(chat.Invalid, "%w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return chat.Errorf(chat.Invalid, "there is more after the JSON value")
	}
	return nil
}

func (c *PoolConfig) setDefaults() {
	if c.PoolURI == "" {
		c.PoolURI = "sip:" + c.Pool + "@" + c.Domain
	}
	for _, f := range []struct {
		v  *string
		to string
	}{
		{&c.Listen.SIPS, ":5061"}, {&c.Listen.SIP, ":5060"}, {&c.Listen.Admin, ":8443"}, {&c.Listen.HTTP, ":9090"},
		{&c.Files.TLS, "/etc/chatpool/tls"}, {&c.Files.InternalTLS, "/etc/chatpool/internal-tls"},
		{&c.Files.Users, "/etc/chatpool/users"}, {&c.Files.Database, "/etc/chatpool/database"},
		{&c.Files.DatabaseCA, "/etc/chatpool/database-ca"},
		{&c.Database.DBName, "chat"}, {&c.Directory.Type, Static},
	} {
		if *f.v == "" {
			*f.v = f.to
		}
	}
	if c.Database.Port == 0 {
		c.Database.Port = 5432
	}
	if c.Database.MaxConns == 0 {
		c.Database.MaxConns = 16
	}
	for i := range c.Directory.Users {
		if u := &c.Directory.Users[i]; u.DisplayName == "" {
			u.DisplayName = u.Name
		}
	}
}

func (c *PoolConfig) validate() error {
	switch {
	case c.Pool == "":
		return chat.FieldErrorf("pool", "must not be empty")
	case c.Namespace == "":
		return chat.FieldErrorf("namespace", "must not be empty")
	}
	if _, err := chat.ParsePrincipal("domain:" + c.Domain); err != nil || strings.ToLower(c.Domain) != c.Domain {
		return chat.FieldErrorf("domain", "%q: want a domain name in lower case such as example.com", c.Domain)
	}
	if p, err := chat.ParsePrincipal(c.PoolURI); err != nil || !p.IsUser() {
		return chat.FieldErrorf("poolURI", "%q: want sip:NAME@DOMAIN", c.PoolURI)
	}
	if err := c.validateSites(); err != nil {
		return err
	}
	if err := c.Listen.validate(); err != nil {
		return err
	}
	if c.Database.Port < 1 || c.Database.Port > 65535 {
		return chat.FieldErrorf("database.port", "%d: want 1 to 65535", c.Database.Port)
	}
	if c.Database.MaxConns < 4 || c.Database.MaxConns > 200 {
		return chat.FieldErrorf("database.maxConns", "%d: want 4 to 200", c.Database.MaxConns)
	}
	if err := c.Directory.validate(c.Domain); err != nil {
		return err
	}
	if err := normalise("policy.enabledFor", c.Policy.EnabledFor); err != nil {
		return err
	}
	if err := normalise("policy.disabledFor", c.Policy.DisabledFor); err != nil {
		return err
	}
	return c.Limits.Validate()
}

func (l Listen) validate() error {
	for _, f := range []struct{ name, v string }{{"sips", l.SIPS}, {"sip", l.SIP}, {"admin", l.Admin}, {"http", l.HTTP}} {
		if f.v == Off {
			continue
		}
		if _, _, err := net.SplitHostPort(f.v); err != nil {
			return chat.FieldErrorf("listen."+f.name, "%q: want HOST:PORT, :PORT or %q for off", f.v, Off)
		}
	}
	return nil
}

func (d Directory) validate(domain string) error {
	if d.Type != Static {
		return chat.FieldErrorf("directory.type", "%q: want %s", d.Type, Static)
	}
	seen := map[string]bool{}
	for i, u := range d.Users {
		field := fmt.Sprintf("directory.users[%d]", i)
		p, err := chat.ParsePrincipal("sip:" + u.Name + "@" + domain)
		switch {
		case err != nil || p.User() != u.Name || strings.ContainsAny(u.Name, "/"):
			return chat.FieldErrorf(field+".name", "%q: want the part of a SIP address before the @, in lower case", u.Name)
		case seen[u.Name]:
			return chat.FieldErrorf(field+".name", "%q: there is another user of this name", u.Name)
		}
		seen[u.Name] = true
		for _, g := range u.Groups {
			if _, err := chat.ParsePrincipal("group:" + g); err != nil {
				return chat.FieldErrorf(field+".groups", "%q: want the name of a group", g)
			}
		}
	}
	return nil
}

// normalise brings principals into their canonical form, in place.
func normalise(field string, list []chat.Principal) error {
	for i, p := range list {
		q, err := chat.ParsePrincipal(string(p))
		if err != nil {
			return chat.FieldErrorf(field, "%v", err)
		}
		list[i] = q
	}
	return nil
}
