// Package moves holds what a pool's site is, and moves the pool from one site to the other. It is the hands of package
// failover, which decides: for each pool with two sites, again and again,
//
//	gather   own object, own database and servers, then the other site's object, all read now and in this order
//	decide   failover.Decide, pure
//	publish  own status, guarded by the resource version that was read; then the beat, which says that all was looked at
//	act      one action; it can be repeated, and done in part: the next round sees what is left
//
// A round takes less than failover.ValidFor or is dropped. Nothing is remembered from round to round but how long
// something has stood (memory): after a restart everything is derived anew, and waits begin anew.
//
// A site writes only its own objects. What changes all the time, the counter and the facts about the database, stands in
// a Lease beside the ChatPool, so that the ChatPool's status changes when something happened.
package moves
