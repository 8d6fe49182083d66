package failover

import "testing"

// The active site served epoch 1 on timeline 1, and goes on in epoch 3 on timeline 2 since place 50 and heartbeat 20.
func TestKinship(t *testing.T) {
	for sentence, c := range map[string]struct {
		side   Side // of the database in question; home served epoch 1, backup followed
		change func(own, active *Database)
		want   kin
	}{
		"the source, ended at the fork":                      {Home, func(own, _ *Database) {}, contained},
		"the source, with something of its own":              {Home, func(own, _ *Database) { own.LSN, own.Beat = 60, 25 }, rewindable},
		"the source, something of its own without heartbeat": {Home, func(own, _ *Database) { own.LSN = 51 }, rewindable},
		"the source, from an older copy by its end":          {Home, func(own, _ *Database) { own.LSN = 49 }, foreign},
		"the source, from an older copy by its heartbeats":   {Home, func(own, _ *Database) { own.LSN, own.Beat = 60, 19 }, foreign},
		"the follower, ended at the fork":                    {Backup, func(own, _ *Database) {}, contained},
		"the follower, ended before":                         {Backup, func(own, _ *Database) { own.LSN, own.Beat = 40, 15 }, contained},
		"the follower, beyond the fork by its end":           {Backup, func(own, _ *Database) { own.LSN = 51 }, foreign},
		"the follower, beyond the fork by its heartbeats":    {Backup, func(own, _ *Database) { own.LSN, own.Beat = 40, 21 }, foreign},
		"another timeline":                                   {Backup, func(own, _ *Database) { own.Timeline = 2 }, foreign},
		"the same place on the source's other timeline":      {Home, func(own, _ *Database) { own.Timeline = 2 }, foreign},
		"another database":                                   {Backup, func(own, _ *Database) { own.System = 8 }, foreign},
		"one that strayed":                                   {Backup, func(own, _ *Database) { own.Strayed = true }, foreign},
		"one that does not answer":                           {Backup, func(own, _ *Database) { own.Known = false }, foreign},
		"beside one that does not answer":                    {Backup, func(_, active *Database) { active.Known = false }, foreign},
		"one without any epoch":                              {Backup, func(own, _ *Database) { own.Epochs = nil }, foreign},
		"an epoch of which the active site never heard":      {Backup, func(own, _ *Database) { own.Epochs = []Epoch{{Number: 2}} }, foreign},
		"an epoch that the active site begins with":          {Backup, func(_, active *Database) { active.Epochs = active.Epochs[1:] }, foreign},
		"the present epoch, behind":                          {Backup, func(own, active *Database) { own.Epochs = active.Epochs }, contained},
		"the present epoch, at the end": {Backup, func(own, active *Database) {
			own.Epochs, own.LSN, own.Beat, own.Timeline = active.Epochs, active.LSN, active.Beat, active.Timeline
		}, contained},
		"the present epoch, beyond the end":        {Backup, func(own, active *Database) { own.Epochs, own.LSN = active.Epochs, 101 }, foreign},
		"the present epoch, beyond its heartbeats": {Backup, func(own, active *Database) { own.Epochs, own.Beat = active.Epochs, 41 }, foreign},
		"the present epoch, a later timeline":      {Backup, func(own, active *Database) { own.Epochs, own.Timeline = active.Epochs, 3 }, foreign},
		"the present epoch, minted here":           {Home, func(own, active *Database) { own.Epochs = active.Epochs }, foreign},
	} {
		t.Run(sentence, func(t *testing.T) {
			own := Database{Known: true, Data: DataPresent, Mode: Isolated, System: 7, Timeline: 1, LSN: 50, Beat: 20, Epochs: []Epoch{{Number: 1}}}
			active := Database{Known: true, Data: DataPresent, Mode: Open, System: 7, Timeline: 2, LSN: 100, Beat: 40,
				Epochs: []Epoch{{Number: 1}, {Number: 3, ForkTimeline: 1, ForkLSN: 50, ForkBeat: 20}}}
			c.change(&own, &active)
			if got := kinship(c.side, own, active); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
