// Package controllers is the operator: it makes of ChatPool, Category and Room what they say. Setup is the one list
// of its controllers.
//
// A ChatPool becomes Kubernetes objects (internal/chatpool): everything about it is observed once, then phases run in
// order, each owns one condition and decides from memory; what they build (internal/build, pure) is applied by
// server-side apply under one field owner, and the status is patched once at the end. A Category and a Room become
// calls of the pool's admin API (internal/category, internal/room).
//
// The operator imports of the chat server its core and its admin API only. What must outlive a ChatPool (database,
// volumes, CA, passwords) carries no owner reference: no way of deleting the ChatPool, foreground deletion included,
// takes it along.
package controllers
