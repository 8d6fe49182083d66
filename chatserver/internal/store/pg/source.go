package pg

import (
	"github.com/jackc/pgx/v5"
)

// Source finds the database through files that are read anew for each connection.
type Source struct {
	// Dir is a mounted Secret: either the key uri, or any of host, port, dbname, username, password; and maybe ca.crt.
	Dir string
	// CADir is a mounted Secret with ca.crt. If there is one here or in Dir, the server must prove its name with it
	// (sslmode verify-full); else the uri says how.
	CADir string
	// Host, Port, Database and User count where Dir does not say.
	Host     string
	Port     int
	Database string
	User     string
}

// Config makes the settings of a connection.
func (f Source) Config() (*pgx.ConnConfig, error) { return nil, errSkeleton }
