package directory

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// HA1 is the hash that HTTP Digest (RFC 7616) needs of a user: H(login:realm:password) in hexadecimal, with the login
// as the client sent it. The algorithm is MD5 or SHA-256. Errors are of kind NotFound (no such user, or he has no
// password) or Invalid (algorithm).
func (d *Directory) HA1(login, algorithm, realm string) (string, error) {
	s, err := d.Find(login)
	if err != nil {
		return "", err
	}
	password := (*d.secrets.Load())[s.User.User()]
	if password == "" {
		return "", chat.Errorf(chat.NotFound, "user %q: no password is set", login)
	}
	text := []byte(login + ":" + realm + ":" + password)
	switch algorithm {
	case "MD5":
		h := md5.Sum(text)
		return hex.EncodeToString(h[:]), nil
	case "SHA-256":
		h := sha256.Sum256(text)
		return hex.EncodeToString(h[:]), nil
	}
	return "", chat.Errorf(chat.Invalid, "algorithm %q: want MD5 or SHA-256", algorithm)
}

// readSecrets reads the file of each name. A user without a file has no password; a line end at its end is no part
// of it.
func readSecrets(dir string, names iter.Seq[string]) (map[string]string, error) {
	secrets := map[string]string{}
	for name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the password of user %q: %w", name, err)
		}
		secrets[name] = strings.TrimRight(string(b), "\r\n")
	}
	return secrets, nil
}
