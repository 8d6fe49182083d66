package integrations

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// interval is how often metrics are read, and rules evaluated.
const interval = 15 * time.Second

var (
	promQL   = parser.NewParser(parser.Options{})
	staleNaN = math.Float64frombits(value.StaleNaN)
)

// stage is a storage of series, with Prometheus' own engine above it.
type stage struct {
	engine *promql.Engine
	series []promql.Series
}

// sample is an alert that fires, as its templates see it.
type sample struct {
	Labels map[string]string
	Value  float64
}

func newStage(t *testing.T, series ...string) *stage {
	t.Helper()
	s := &stage{engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second, LookbackDelta: 5 * time.Minute, Parser: promQL})}
	t.Cleanup(func() {
		if err := s.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, text := range series {
		set, values, err := promQL.ParseSeriesDesc(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		one := promql.Series{Metric: set}
		stale := false
		for i, v := range values {
			at := int64(i) * interval.Milliseconds()
			switch {
			case !v.Omitted:
				one.Floats = append(one.Floats, promql.FPoint{T: at, F: v.Value})
				stale = false
			case !stale: // a series that is gone is marked so
				one.Floats = append(one.Floats, promql.FPoint{T: at, F: staleNaN})
				stale = true
			}
		}
		s.series = append(s.series, one)
	}
	return s
}

// firing evaluates an alert at every interval up to a time, as Prometheus does: it fires where the expression gave a result
// without a gap for as long as it is to hold.
func (s *stage) firing(t *testing.T, expr string, hold, until time.Duration) []sample {
	t.Helper()
	since := map[string]time.Duration{}
	var out []sample
	for at := time.Duration(0); at <= until; at += interval {
		q, err := s.engine.NewInstantQuery(t.Context(), s, nil, expr, time.UnixMilli(at.Milliseconds()))
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		vector, err := q.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		now := map[string]time.Duration{}
		out = nil
		for _, v := range vector {
			key := v.Metric.String()
			begun, known := since[key]
			if !known {
				begun = at
			}
			if now[key] = begun; at-begun >= hold {
				out = append(out, sample{v.Metric.Map(), v.F})
			}
		}
		since = now
		q.Close()
	}
	return out
}

// Querier makes stage a storage.Queryable.
func (s *stage) Querier(int64, int64) (storage.Querier, error) { return &querier{s}, nil }

type querier struct{ *stage }

func (q *querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{at: -1}
	for _, one := range q.series {
		if matches(one.Metric, matchers) {
			found.series = append(found.series, one)
		}
	}
	return found
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

func (q *querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q *querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q *querier) Close() error { return nil }

// set is a storage.SeriesSet.
type set struct {
	series []promql.Series
	at     int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return promql.NewStorageSeries(s.series[s.at]) }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }
