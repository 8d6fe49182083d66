package replication

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Facts are what a site's database says of itself.
type Facts struct {
	// Recovery: the instance follows another; Receiving: and streams.
	Recovery, Receiving bool
	// Position is the end of the log, Oldest where it begins that is still kept, in bytes.
	Position, Oldest int64
	// Followers by the name that each gives itself.
	Followers map[string]Follower
}

// Follower is somebody who follows.
type Follower struct {
	// Streaming: it is connected and sends what is written.
	Streaming bool
	State     string
	// LagBytes is what it has not flushed; -1 if it did not say.
	LagBytes int64
	// LagTime is how long it took to flush what it flushed last.
	LagTime time.Duration
}

// largest is how much of an answer is read: metrics of one instance are far smaller.
const largest = 4 << 20

// Read asks the metrics at an address, such as http://trading-db-metrics.chat.svc:9187/metrics.
func Read(ctx context.Context, c *http.Client, url string) (Facts, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Facts{}, fmt.Errorf("ask the database's metrics: %w", err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return Facts{}, fmt.Errorf("ask the database's metrics: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return Facts{}, fmt.Errorf("ask the database's metrics: %s", resp.Status)
	}
	return Parse(io.LimitReader(resp.Body, largest))
}

// Parse reads metrics in Prometheus' text format. Without ours among them nothing is known.
func Parse(r io.Reader) (Facts, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Facts{}, fmt.Errorf("read the database's metrics: %w", err)
	}
	f := Facts{Followers: map[string]Follower{}}
	var recovery, receiving float64
	for _, want := range []struct {
		name string
		to   func(float64)
	}{
		{"recovery", func(v float64) { recovery = v }},
		{"receiving", func(v float64) { receiving = v }},
		{"position", func(v float64) { f.Position = int64(v) }},
		{"oldest", func(v float64) { f.Oldest = int64(v) }},
	} {
		family := all["cnpg_chatpool_site_"+want.name]
		if family == nil || len(family.GetMetric()) != 1 {
			return Facts{}, fmt.Errorf("the database's metrics lack cnpg_chatpool_site_%s", want.name)
		}
		want.to(value(family.GetMetric()[0]))
	}
	f.Recovery, f.Receiving = recovery == 1, receiving >= 1
	for _, m := range all["cnpg_chatpool_follower_lag_bytes"].GetMetric() {
		name, state := label(m, "name"), label(m, "state")
		if f.Followers[name].Streaming {
			continue // an old connection of the same follower may linger
		}
		f.Followers[name] = Follower{State: state, Streaming: state == "streaming", LagBytes: int64(value(m))}
	}
	for _, m := range all["cnpg_chatpool_follower_lag_seconds"].GetMetric() {
		name := label(m, "name")
		if w, ok := f.Followers[name]; ok && w.State == label(m, "state") {
			w.LagTime = time.Duration(value(m) * float64(time.Second))
			f.Followers[name] = w
		}
	}
	return f, nil
}

func value(m *dto.Metric) float64 {
	if m.GetGauge() != nil {
		return m.GetGauge().GetValue()
	}
	return m.GetUntyped().GetValue()
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
