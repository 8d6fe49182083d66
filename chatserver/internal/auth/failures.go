package auth

import (
	"strings"
	"sync"
	"time"
)

// FailureWindow is how long failures count.
const FailureWindow = 5 * time.Minute

const (
	maxUserFailures    = 10  // of a user at an address; then he waits
	maxAddressFailures = 300 // of an address: many users may share one
	maxFailureEntries  = 1 << 16
)

// failures counts failed sign-ins.
type failures struct {
	mu    sync.Mutex
	table map[string]failure
}

type failure struct {
	count int
	until time.Time
}

func newFailures() *failures { return &failures{table: map[string]failure{}} }

func failureKeys(user, address string) (both, alone string) {
	return address + " " + strings.ToLower(user), address
}

// wait tells how long the user at the address has to wait before his next try; 0 = not at all.
func (f *failures) wait(user, address string) time.Duration {
	both, alone := failureKeys(user, address)
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.left(both, maxUserFailures), f.left(alone, maxAddressFailures))
}

func (f *failures) left(key string, limit int) time.Duration {
	if e, ok := f.table[key]; ok && e.count >= limit {
		return max(time.Until(e.until), 0)
	}
	return 0
}

func (f *failures) add(user, address string) {
	both, alone := failureKeys(user, address)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(both)
	f.count(alone)
}

func (f *failures) count(key string) {
	now := time.Now()
	e, known := f.table[key]
	if !known && len(f.table) >= maxFailureEntries {
		f.sweep(now)
	}
	if now.After(e.until) {
		e = failure{until: now.Add(FailureWindow)}
	}
	e.count++
	f.table[key] = e
}

// sweep makes room; when nothing is old, all is forgotten.
func (f *failures) sweep(now time.Time) {
	for k, e := range f.table {
		if now.After(e.until) {
			delete(f.table, k)
		}
	}
	if len(f.table) >= maxFailureEntries {
		clear(f.table)
	}
}
