package replication

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const site = `# HELP cnpg_chatpool_site_position End of the write-ahead log, in bytes
# TYPE cnpg_chatpool_site_position gauge
cnpg_chatpool_site_position 1.00663808e+08
# TYPE cnpg_chatpool_site_oldest gauge
cnpg_chatpool_site_oldest 8.3886080e+07
# TYPE cnpg_chatpool_site_recovery gauge
cnpg_chatpool_site_recovery 0
# TYPE cnpg_chatpool_site_receiving gauge
cnpg_chatpool_site_receiving 0
`

const followers = `# TYPE cnpg_chatpool_follower_lag_bytes gauge
cnpg_chatpool_follower_lag_bytes{name="backup",state="startup"} -1
cnpg_chatpool_follower_lag_bytes{name="backup",state="streaming"} 512
cnpg_chatpool_follower_lag_bytes{name="trading-db-2",state="catchup"} 70000
# TYPE cnpg_chatpool_follower_lag_seconds gauge
cnpg_chatpool_follower_lag_seconds{name="backup",state="startup"} 0
cnpg_chatpool_follower_lag_seconds{name="backup",state="streaming"} 0.25
cnpg_chatpool_follower_lag_seconds{name="trading-db-2",state="catchup"} 3
`

func TestFacts(t *testing.T) {
	got, err := Parse(strings.NewReader(site + followers))
	if err != nil {
		t.Fatal(err)
	}
	want := Facts{Position: 100663808, Oldest: 83886080, Followers: map[string]Follower{
		"backup":       {Streaming: true, State: "streaming", LagBytes: 512, LagTime: 250 * time.Millisecond},
		"trading-db-2": {State: "catchup", LagBytes: 70000, LagTime: 3 * time.Second},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestWhatIsNotSaidIsUnknown(t *testing.T) {
	for sentence, text := range map[string]string{
		"nothing":                            "",
		"metrics of a database without ours": "# TYPE cnpg_up gauge\ncnpg_up 1\n",
		"one of ours is missing":             strings.Replace(site, "cnpg_chatpool_site_oldest 8", "cnpg_other 8", 1),
		"no metrics at all":                  "<html>",
	} {
		t.Run(sentence, func(t *testing.T) {
			if f, err := Parse(strings.NewReader(text)); err == nil {
				t.Errorf("taken: %+v", f)
			}
		})
	}
	failing := httptest.NewServer(http.NotFoundHandler())
	defer failing.Close()
	if f, err := Read(t.Context(), failing.Client(), failing.URL); err == nil {
		t.Errorf("404 is taken: %+v", f)
	}
}

// CloudNativePG reads the queries as a map of queries, each with metrics of one column.
func TestQueriesAreWellFormed(t *testing.T) {
	var queries map[string]struct {
		Query   string                                           `json:"query"`
		Targets []string                                         `json:"target_databases"`
		Metrics []map[string]struct{ Usage, Description string } `json:"metrics"`
	}
	if err := yaml.UnmarshalStrict([]byte(Queries), &queries); err != nil {
		t.Fatal(err)
	}
	for name, q := range queries {
		for _, m := range q.Metrics {
			for column, about := range m {
				if !strings.Contains(q.Query, "AS "+column) || about.Usage == "" || about.Description == "" {
					t.Errorf("%s: column %s %+v", name, column, about)
				}
			}
		}
	}
	if len(queries) != 2 {
		t.Errorf("%d queries", len(queries))
	}
}
