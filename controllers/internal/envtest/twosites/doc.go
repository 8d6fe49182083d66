// Package twosites tests pools with two sites against two real API servers, with both operators as they are. It has no
// code but tests.
//
// What is not there is played, in one process, as simply as can be honest. PostgreSQL is a log of records (model): a
// follower has a copy of a beginning of its source's log or does not follow, a promotion begins a timeline, and
// everything that a database says of itself is read from its log. CloudNativePG (engine) makes of Clusters
// such databases: it creates, copies, demotes, promotes and fences them, and gives tokens. Chat servers (servers)
// answer the admin API over mutual TLS with the pool's own certificates, and keep the rules of activation: tickets,
// epochs, quiescing, neighbours. The model watches that no two servers are ever activated for different epochs.
//
// So these tests prove what the operators do, in which order, and what they do after they were ended anywhere. They
// prove nothing about CloudNativePG, PostgreSQL, the gate in the chat server or the time that anything takes: that is
// what the end-to-end tests on two clusters are for.
package twosites
