package declared

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// Fields are what an object declares: the manifest's names of its fields, with their values in one canonical form. The
// empty value is the default and the same as no field, so a field that comes with a later version changes no hash of an
// object that does not use it.
type Fields map[string]string

// List is the value of a list whose order does not matter.
func List(ps []chat.Principal) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = string(p)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n")
}

// Bool is the value of a switch that has a default.
func Bool(v, byDefault bool) string {
	if v == byDefault {
		return ""
	}
	return strconv.FormatBool(v)
}

// Hash is the same for the same declaration, in every site and version.
func (f Fields) Hash() string {
	given := maps.Clone(f)
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })
	b, err := json.Marshal(given) // with its keys in order
	if err != nil {
		panic(err) // strings can be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// differences names the fields with other values, in order.
func (f Fields) differences(other Fields) []string {
	names := map[string]bool{}
	for _, fields := range []Fields{f, other} {
		for name := range fields {
			if f[name] != other[name] {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
