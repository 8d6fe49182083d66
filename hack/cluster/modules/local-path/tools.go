//go:build tools

// Package localpath pins the provisioner of node-local volumes.
package localpath

import _ "github.com/rancher/local-path-provisioner"
