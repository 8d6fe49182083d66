// Package e2e tries a pool on a real cluster: the local site `home` of hack/cluster, its kubelets, CloudNativePG
// and PostgreSQL. Tests kill pods, cut nodes and freeze databases while a load runs, and an independent checker
// (chatserver/loadcheck) compares what was acknowledged with what is stored and with what readers saw.
//
// Run it by `make test-e2e`, which brings the site up first. Build tag e2e keeps it out of `go test ./...`.
package e2e
