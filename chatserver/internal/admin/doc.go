// Package admin serves the admin API (package adminapi): categories and rooms that are declared elsewhere.
//
// Rules:
//
//   - Only TLS clients with a certificate of the pool's CA and the operator's name are let in.
//   - Input is strict, at most adminapi.MaxBody long, and checked by the core before the store sees it.
//   - Every error is a Problem.
//   - A change takes effect on this pod before it is answered; other pods learn it from the store.
package admin
