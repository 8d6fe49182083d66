package chatpool

import (
	"crypto/rand"
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"
)

// directory sees that every Static user has a password. The operator's own are made once and kept, also when somebody
// sets another one in the Secret; with the user his password goes.
func directory(r *round) ([]any, condition.State) {
	p, name := r.pool, naming.UsersSecret(r.pool)
	given := map[string][]byte{}
	if s := r.seen.secrets[name]; s != nil {
		given = s.Data
	}
	users := p.Spec.Directory.Static.Users
	if p.Spec.Directory.Static.PasswordsSecretName == "" {
		if r.copies() {
			return nil, copiedUsers(r, name, len(users))
		}
		made := map[string][]byte{}
		for _, u := range users {
			if made[u.Name] = given[u.Name]; len(made[u.Name]) == 0 {
				made[u.Name] = password()
			}
		}
		return []any{build.UsersSecret(p, made)}, condition.True(v1alpha1.ReasonReady,
			"%d users; a password: kubectl -n %s get secret %s -o jsonpath='{.data.NAME}' | base64 -d", len(users), p.Namespace, name)
	}
	if r.seen.secrets[name] == nil {
		return nil, condition.Stuck(v1alpha1.ReasonSecretMissing,
			"spec.directory.static.passwordsSecretName: there is no Secret %s; make it, or remove the field and the operator makes passwords", name)
	}
	var missing []string
	for _, u := range users {
		if len(given[u.Name]) == 0 {
			missing = append(missing, u.Name)
		}
	}
	if len(missing) > 0 {
		return nil, condition.Stuck(v1alpha1.ReasonSecretIncomplete,
			"Secret %s has no password for %s; add a key for each", name, strings.Join(missing, ", "))
	}
	return nil, condition.True(v1alpha1.ReasonReady, "%d users, passwords from Secret %s", len(users), name)
}

// copiedUsers: at a standby the passwords are those of the active site.
func copiedUsers(r *round, secret string, users int) condition.State {
	if r.seen.secrets[secret] == nil {
		return condition.Waiting(v1alpha1.ReasonSecretMissing, "Secret %s is not copied from site %s yet", secret, r.place.Peer.Name)
	}
	return condition.True(v1alpha1.ReasonReady, "%d users, passwords as in site %s", users, r.place.Peer.Name)
}

// password makes one that is easily typed: 20 characters, 100 bits.
func password() []byte { return []byte(strings.ToLower(rand.Text()[:20])) }
