package adminapi

import "chatpool.dev/chatserver/chat"

// PoolConfig is the content of the chat server's configuration file, config.json. The server re-reads it every few
// seconds: witness, sites, active, directory, policy, limits and legacyDigest take effect at once, everything else with the next
// start.
type PoolConfig struct {
	// Pool and Namespace name the ChatPool object.
	Pool      string `json:"pool"`
	Namespace string `json:"namespace"`
	// Domain is the SIP domain of users, rooms and categories, in lower case.
	Domain string `json:"domain"`
	// Site is the name of the cluster that this pool runs in.
	Site string `json:"site"`
	// PoolURI is the SIP address that clients INVITE: sip:POOL@DOMAIN, the default.
	PoolURI string `json:"poolURI"`
	// PublicNames are further names under which clients reach the pool.
	PublicNames []string `json:"publicNames,omitempty"`
	// PlainTCP opens a listener without TLS, for trials.
	PlainTCP bool `json:"plainTCP"`
	// LegacyDigest lets clients sign in that know MD5 alone, as pidgin-sipe does.
	LegacyDigest bool `json:"legacyDigest"`
	// Gate is for pools with two sites: a server that starts accepts no posts until its operator or an activated server
	// of its site gives it the right to. Without it every server accepts posts in the database's newest epoch.
	Gate bool `json:"gate,omitempty"`
	// Witness is for pools with a witness: the operator's word for that right has an end and is renewed, and a server's
	// neighbours give none.
	Witness bool `json:"witness,omitempty"`
	// Sites are the pool's two sites with their public names, in the manifest's order; empty in a pool with one.
	Sites []Site `json:"sites,omitempty"`
	// Active lists the servers in service, as SITE/ORDINAL; nil: every server. A server that is not listed takes no new
	// sessions and sends those it has to others. An empty list stops chat for maintenance: no server takes posts.
	Active *[]string `json:"active,omitempty"`

	Listen    Listen      `json:"listen"`
	Files     Files       `json:"files"`
	Database  Database    `json:"database"`
	Directory Directory   `json:"directory"`
	Policy    chat.Policy `json:"policy"`
	Limits    chat.Limits `json:"limits"`
}

// Off as an address means: do not listen.
const Off = "-"

// Listen holds the addresses, HOST:PORT, that the server listens on. Empty means the default, "-" means not at all.
type Listen struct {
	SIPS  string `json:"sips,omitempty"`  // SIP over TLS, default :5061
	SIP   string `json:"sip,omitempty"`   // SIP over TCP, default :5060; only with plainTCP
	Admin string `json:"admin,omitempty"` // the admin API, default :8443
	HTTP  string `json:"http,omitempty"`  // health and metrics, default :9090
}

// Files holds the directories that Secrets are mounted at. Their files are read again when they change.
type Files struct {
	// TLS holds tls.crt and tls.key for SIP. Default /etc/chatpool/tls.
	TLS string `json:"tls,omitempty"`
	// InternalTLS holds tls.crt, tls.key and ca.crt for the admin API. Default /etc/chatpool/internal-tls.
	InternalTLS string `json:"internalTLS,omitempty"`
	// Users holds a file for each Static user, with his password. Default /etc/chatpool/users.
	Users string `json:"users,omitempty"`
	// Database holds username and password, and optionally host, port, dbname and ca.crt; or uri alone.
	// Default /etc/chatpool/database.
	Database string `json:"database,omitempty"`
	// DatabaseCA may hold ca.crt, by which the database's certificate is then verified. Default /etc/chatpool/database-ca.
	DatabaseCA string `json:"databaseCA,omitempty"`
}

// Database says where the pool's database is, as far as the files in Files.Database do not.
type Database struct {
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`   // default 5432
	DBName   string `json:"dbname,omitempty"` // default chat
	Username string `json:"username,omitempty"`
	// MaxConns is the most connections of one pod, 4 to 200, default 16.
	MaxConns int `json:"maxConns,omitempty"`
}

// Static is the directory whose users are listed in the configuration itself.
const Static = "Static"

// Directory says who the users are.
type Directory struct {
	// Type is Static.
	Type  string          `json:"type"`
	Users []DirectoryUser `json:"users,omitempty"`
}

// DirectoryUser is one user of a Static directory.
type DirectoryUser struct {
	// Name is the part of the SIP address before the @, in lower case.
	Name string `json:"name"`
	// DisplayName is what others see. Default: the name.
	DisplayName string `json:"displayName,omitempty"`
	// Groups are names of groups; principal group:NAME means everybody in it.
	Groups []string `json:"groups,omitempty"`
	// Disabled: the user cannot sign in and has no rights.
	Disabled bool `json:"disabled,omitempty"`
	// Admin: a chat administrator.
	Admin bool `json:"admin,omitempty"`
}
