// Package directory knows the pool's users: who they are, which groups they are in, and how they prove it.
//
// Rules:
//
//   - Users come from the configuration (Static), passwords from a directory with one file per user; both may change
//     at any time and take effect at once.
//   - A user who is not listed (any more) is a disabled one: he has no rights anywhere.
//   - Names are compared without regard to case; alice and alice@DOMAIN are the same.
//
// Whether the pool's policy lets somebody use chat at all is the caller's to ask.
package directory

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// reloadEvery is how often the password files are read again.
const reloadEvery = 5 * time.Second

// Directory is the pool's users. It is safe for concurrent use.
type Directory struct {
	domain  string
	files   string // directory with the passwords
	log     *slog.Logger
	users   atomic.Pointer[map[string]chat.Subject] // by name
	secrets atomic.Pointer[map[string]string]       // by name
	reload  sync.Mutex
	without int // users without a password, as reported; guarded by reload
}

// New makes a directory of SIP domain that reads passwords from files named after the users.
func New(domain, files string, log *slog.Logger) *Directory {
	d := &Directory{domain: domain, files: files, log: log}
	d.users.Store(&map[string]chat.Subject{})
	d.secrets.Store(&map[string]string{})
	return d
}

// Update replaces the users. The configuration has been checked.
func (d *Directory) Update(c adminapi.Directory) {
	users := make(map[string]chat.Subject, len(c.Users))
	for _, u := range c.Users {
		s := chat.Subject{
			User:        d.address(u.Name),
			DisplayName: u.DisplayName,
			Disabled:    u.Disabled,
			Admin:       u.Admin,
		}
		for _, g := range u.Groups {
			s.Groups = append(s.Groups, chat.MustPrincipal("group:"+g))
		}
		users[u.Name] = s
	}
	d.users.Store(&users)
	d.readPasswords()
}

// Run reads the passwords again and again until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.readPasswords()
		}
	}
}

func (d *Directory) readPasswords() {
	d.reload.Lock()
	defer d.reload.Unlock()
	secrets, err := readSecrets(d.files, maps.Keys(*d.users.Load()))
	if err != nil {
		d.log.Error("passwords are kept as they were", "err", err)
		return
	}
	d.secrets.Store(&secrets)
	if without := len(*d.users.Load()) - len(secrets); without != d.without {
		d.without = without
		d.log.Warn("users without a password cannot sign in", "users", without, "files", d.files)
	}
}

// Subject is the user as the directory knows him now.
func (d *Directory) Subject(user chat.Principal) chat.Subject {
	if s, ok := (*d.users.Load())[user.User()]; ok && s.User == user {
		return s
	}
	return chat.Subject{User: user, DisplayName: user.User(), Disabled: true}
}

// Groups lists the groups that the user is in.
func (d *Directory) Groups(user chat.Principal) []chat.Principal { return d.Subject(user).Groups }

// Find looks up a user by what he typed as his name: alice or alice@DOMAIN, also with sip: before it. The error is
// of kind NotFound.
func (d *Directory) Find(login string) (chat.Subject, error) {
	name, domain, hasDomain := strings.Cut(strings.TrimPrefix(strings.ToLower(login), "sip:"), "@")
	s, ok := (*d.users.Load())[name]
	if !ok || hasDomain && domain != d.domain {
		return chat.Subject{}, chat.Errorf(chat.NotFound, "user %q: no such user", login)
	}
	return s, nil
}

func (d *Directory) address(name string) chat.Principal {
	return chat.MustPrincipal("sip:" + name + "@" + d.domain)
}
