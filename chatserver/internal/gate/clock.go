package gate

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is the time since the machine started, times when it slept included: time.Time leaves those out.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("gate: this kernel has no CLOCK_BOOTTIME: " + err.Error()) // Linux has had it since 2.6.39
	}
	return time.Duration(t.Nano())
}
