package pg

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Source finds the database through files that are read anew for each connection.
type Source struct {
	// Dir is a mounted Secret: either the key uri, or any of host, port, dbname, username, password; and maybe ca.crt.
	Dir string
	// CADir is a mounted Secret with ca.crt. If there is one here or in Dir, the server must prove its name with it
	// (sslmode verify-full); else the uri says how, and without a uri TLS is used if the server offers it.
	CADir string
	// Host, Port, Database and User count where Dir does not say.
	Host     string
	Port     int
	Database string
	User     string
}

// Config makes the settings of a connection. Errors name the file, never its content.
func (f Source) Config() (*pgx.ConnConfig, error) {
	c, err := f.parse()
	if err != nil {
		return nil, fmt.Errorf("database settings: %w", err)
	}
	pool, err := f.authorities()
	if err != nil {
		return nil, fmt.Errorf("database settings: %w", err)
	}
	if pool == nil {
		return c, nil
	}
	c.TLSConfig = &tls.Config{RootCAs: pool, ServerName: c.Host, MinVersion: tls.VersionTLS12}
	for _, b := range c.Fallbacks {
		b.TLSConfig = &tls.Config{RootCAs: pool, ServerName: b.Host, MinVersion: tls.VersionTLS12}
	}
	return c, nil
}

func (f Source) parse() (*pgx.ConnConfig, error) {
	uri, err := value(f.Dir, "uri", "")
	if err != nil {
		return nil, err
	}
	if uri == "" {
		if uri, err = f.assemble(); err != nil {
			return nil, err
		}
	}
	c, err := pgx.ParseConfig(uri)
	if err != nil {
		// The driver's own text may quote a part of the password.
		return nil, fmt.Errorf("%s: the files there make no valid connection string", f.Dir)
	}
	return c, nil
}

func (f Source) assemble() (string, error) {
	port := ""
	if f.Port != 0 {
		port = strconv.Itoa(f.Port)
	}
	var b strings.Builder
	for _, k := range []struct{ name, file, otherwise string }{
		{"host", "host", f.Host}, {"port", "port", port}, {"dbname", "dbname", f.Database},
		{"user", "username", f.User}, {"password", "password", ""},
	} {
		v, err := value(f.Dir, k.file, k.otherwise)
		if err != nil {
			return "", err
		}
		if v != "" {
			fmt.Fprintf(&b, "%s='%s' ", k.name, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v))
		}
	}
	return b.String(), nil
}

// authorities are those of ca.crt, or nil if there is none.
func (f Source) authorities() (*x509.CertPool, error) {
	for _, dir := range []string{f.Dir, f.CADir} {
		pem, err := value(dir, "ca.crt", "")
		if err != nil {
			return nil, err
		}
		if pem == "" {
			continue
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(pem)) {
			return nil, fmt.Errorf("%s: no certificate in PEM in it", filepath.Join(dir, "ca.crt"))
		}
		return pool, nil
	}
	return nil, nil
}

// value reads a key of a mounted Secret, without the line end that people leave there.
func value(dir, key, otherwise string) (string, error) {
	if dir == "" {
		return otherwise, nil
	}
	b, err := os.ReadFile(filepath.Join(dir, key))
	if errors.Is(err, fs.ErrNotExist) {
		return otherwise, nil
	}
	if err != nil {
		return "", err
	}
	if s := strings.TrimRight(string(b), "\r\n"); s != "" {
		return s, nil
	}
	return otherwise, nil
}
