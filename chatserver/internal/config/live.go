// Package config keeps the server's configuration file as it is now.
//
// Rules:
//
//   - At the start an invalid file is an error; later it is reported and the configuration before it stays in force.
//   - A field of a newer version is reported and passed over.
//   - Sites, active, directory, policy, limits and legacyDigest change at once. What needs a restart stays as it was at the start,
//     and a change of it is reported.
package config

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/adminapi"
)

// pollEvery is how often the file is looked at. (A ConfigMap's mount gives no events that are worth trusting.)
const pollEvery = 2 * time.Second

// Live is a configuration that follows its file. Current is safe for concurrent use.
type Live struct {
	path    string
	log     *slog.Logger
	raw     []byte // as last looked at; of Run alone
	current atomic.Pointer[adminapi.PoolConfig]
	changed []func(*adminapi.PoolConfig)
}

// Load reads the file.
func Load(path string, log *slog.Logger) (*Live, error) {
	raw, c, err := read(path)
	if err != nil {
		return nil, err
	}
	l := &Live{path: path, log: log, raw: raw}
	l.warn()
	l.current.Store(c)
	return l, nil
}

func read(path string) ([]byte, *adminapi.PoolConfig, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := adminapi.ParsePoolConfig(raw)
	if err != nil {
		return raw, nil, fmt.Errorf("configuration %q: %w", path, err)
	}
	return raw, c, nil
}

// Current is the configuration in force; it is not changed any more.
func (l *Live) Current() *adminapi.PoolConfig { return l.current.Load() }

// OnChange has f called after each change, by Run. It must be called before Run.
func (l *Live) OnChange(f func(*adminapi.PoolConfig)) { l.changed = append(l.changed, f) }

// Run follows the file until ctx ends.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.look()
		}
	}
}

func (l *Live) look() {
	raw, c, err := read(l.path)
	if bytes.Equal(raw, l.raw) {
		return
	}
	l.raw = raw
	if err != nil {
		l.log.Error("the new configuration is refused, the one before it stays in force", "err", err)
		return
	}
	l.warn()
	next, postponed := merge(l.Current(), c)
	if postponed {
		l.log.Warn("the configuration changed in fields that take effect with the next start only")
	}
	l.current.Store(next)
	l.log.Info("configuration reloaded", "users", len(next.Directory.Users), "allActive", next.Active == nil)
	for _, f := range l.changed {
		f(next)
	}
}

// warn reports what is in the file and not understood.
func (l *Live) warn() {
	if err := adminapi.UnknownField(l.raw); err != nil {
		l.log.Warn("the configuration has a field that this version does not know; it has no effect", "path", l.path, "err", err)
	}
}

// merge takes from next what changes live, and tells whether it differs elsewhere.
func merge(now, next *adminapi.PoolConfig) (merged *adminapi.PoolConfig, postponed bool) {
	m := *now
	m.LegacyDigest, m.Directory, m.Policy, m.Limits = next.LegacyDigest, next.Directory, next.Policy, next.Limits
	m.Sites, m.Active = next.Sites, next.Active
	return &m, !reflect.DeepEqual(&m, next)
}
