package moves

import "chatpool.dev/controllers/internal/failover"

// doing is what a step does, for people who watch.
var doing = map[failover.Step]string{
	failover.QuiescingChat:      "posts are held back, those under way end",
	failover.DrainingCompliance: "compliance ends what it has begun",
	failover.DemotingOld:        "the database shuts and becomes a follower",
	failover.Granting:           "the next epoch is given away, from here on only forward",
	failover.RollingBack:        "the move is called off, the database opens again",
	failover.ShuttingChat:       "chat is shut",
	failover.FencingDatabase:    "the database is kept down",
	failover.Releasing:          "the epoch is given up",
	failover.Claiming:           "it claims the next epoch, and asks the other site once more",
	failover.Promoting:          "the database opens with everything that was written",
	failover.RecordingEpoch:     "the new epoch is recorded",
	failover.BuildingMirror:     "the database gets its mirror",
	failover.ActivatingServers:  "the servers get the right to accept posts",
	failover.SwitchingAddress:   "the address leads here",
}
