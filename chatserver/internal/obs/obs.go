// Package obs is how the server is seen from outside: structured logs, metrics and health.
//
// Rules: logs are JSON, one object per line, and never hold message texts, passwords or raw frames; whoever logs sees
// to that. Liveness says that the process works, readiness that clients may be sent to it; neither depends on the
// database being there at this moment.
package obs

import (
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewLogger makes the server's log; every line names the pod.
func NewLogger(w io.Writer, pod string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})).With("pod", pod)
}

// NewRegistry makes a registry with the metrics of process and runtime.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
