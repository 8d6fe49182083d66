// Package twosites tests pools with two sites against two real API servers, each with an operator of its own. It has no
// code but tests.
package twosites
