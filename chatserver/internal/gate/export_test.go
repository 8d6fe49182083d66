package gate

import "time"

// Idle is how long ago, by the gate's clock, its loop was last seen to run.
func (g *Gate) Idle() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.o.Clock() - g.state.alive
}
