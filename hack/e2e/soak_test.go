//go:build soak

package e2e

import (
	"os"
	"testing"
	"time"
)

// TestSoak goes through all failures again and again, for as long as the environment's SOAK says (1h by default).
func TestSoak(t *testing.T) {
	t.Setenv("EVERY_DEATH", "1")
	t.Setenv("EVERY_STEP", "1")
	span := time.Hour
	if s := os.Getenv("SOAK"); s != "" {
		var err error
		if span, err = time.ParseDuration(s); err != nil {
			t.Fatalf("SOAK: %v; want for example 90m", err)
		}
	}
	for end, round := time.Now().Add(span), 1; time.Now().Before(end) && !t.Failed(); round++ {
		t.Logf("round %d", round)
		TestNothingIsLostWhen(t)
		TestOperatorsDie(t)
		TestOneManifestAloneMovesNothing(t)
		TestAssistedMove(t)
	}
}
