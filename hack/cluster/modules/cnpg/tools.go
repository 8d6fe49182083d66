//go:build tools

// Package cnpg pins CloudNativePG's manager, and with it the release manifest in the same module.
package cnpg

import _ "github.com/cloudnative-pg/cloudnative-pg/cmd/manager"
