package plugin

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Report is what kubectl chatpool report is asked to do.
type Report struct {
	Namespace, Pool string
	Logs            bool
	// LogLines is how many of the last lines of each container are taken.
	LogLines int64
	// Now names the bundle.
	Now time.Time
	// Raw reads what is no object, logs and versions; nil: from the API server.
	Raw func(ctx context.Context, c *Cluster, path string, query map[string]string) (io.ReadCloser, error)
}

func reportCommand(f *flags) *cobra.Command {
	r := Report{}
	file, without := "", false
	c := &cobra.Command{
		Use: "report POOL", Short: "Pack what is needed to look into a problem, without secrets",
		Long: `Writes a .tar.gz with what both clusters say of a pool: the screen of kubectl chatpool status; ChatPool,
Categories and Rooms; CloudNativePG's Cluster; Leases, Events, pods, StatefulSets, Services, volumes and Jobs
of the pool; versions; and the last lines of the logs of operator and chat servers (not of PostgreSQL, which
may quote data). What could not be read is listed in it.

No Secret is read. Passwords, tokens, keys, kubeconfigs and texts of messages are taken out wherever they
stand; names of people, rooms and hosts are not: look through it before you pass it on. Changes nothing.`,
		Example: `  kubectl chatpool report -n chat --context home --peer-context backup trading
  kubectl chatpool report -n chat --context backup trading --no-logs -o report.tar.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			clusters, err := f.given()
			if err != nil {
				return err
			}
			r.Namespace, r.Pool, r.Logs, r.Now = f.namespace, args[0], !without, time.Now().UTC()
			if file == "" {
				file = r.name() + ".tar.gz"
			}
			return r.write(c.Context(), c.OutOrStdout(), clusters, file)
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write; POOL-report-TIME.tar.gz by default")
	c.Flags().BoolVar(&without, "no-logs", false, "leave the logs out")
	c.Flags().Int64Var(&r.LogLines, "log-lines", 2000, "the last lines of each container's log")
	return c
}

func (r *Report) name() string { return r.Pool + "-report-" + r.Now.Format("20060102T150405Z") }

// write makes the file, which only its owner may read, and never one that exists.
func (r *Report) write(ctx context.Context, out io.Writer, clusters []*Cluster, file string) (err error) {
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() {
		if e := to.Close(); err == nil {
			err = e
		}
		if err != nil {
			os.Remove(file) //nolint:errcheck // half a report is none
		}
	}()
	missing, err := r.Run(ctx, to, clusters)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if _, err := fmt.Fprintf(out, "wrote      %s\n", filepath.Clean(file)); err != nil {
		return err
	}
	for _, m := range missing {
		if _, err := fmt.Fprintf(out, "missing    %s\n", m); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, "It has names of people, rooms and hosts: look through it before you pass it on")
	return err
}

// Run writes the bundle, and tells what could not be read. Only a failing writer is an error.
func (r *Report) Run(ctx context.Context, to io.Writer, clusters []*Cluster) (missing []string, err error) {
	if r.Raw == nil {
		r.Raw = raw
	}
	b := newBundle(to, r.name(), r.Now)
	v, err := Look(ctx, clusters, client.ObjectKey{Namespace: r.Namespace, Name: r.Pool}, pulsePatience)
	if err != nil {
		b.miss("the pool: %v", err)
	} else {
		var screen strings.Builder
		if err := Show(&screen, v); err != nil {
			return nil, err
		}
		if err := ShowSalvage(&screen, v); err != nil {
			return nil, err
		}
		b.add("status.txt", redactText(screen.String()))
	}
	for i, c := range clusters {
		site := fmt.Sprintf("cluster-%d", i+1)
		for _, s := range v.sites() {
			if s.Cluster == c {
				site = s.Name
			}
		}
		r.objects(ctx, b, c, site)
		r.versions(ctx, b, c, site)
		if r.Logs {
			r.logs(ctx, b, c, site)
		}
	}
	b.add("versions.txt", "kubectl chatpool: "+version()+"\n")
	missing = b.missing
	b.add("missing.txt", strings.Join(append(missing, ""), "\n"))
	b.add("README.txt", readme)
	return missing, b.close()
}

const readme = `What both clusters said of a pool at one time, as kubectl chatpool report packed it.

status.txt       the screen of kubectl chatpool status, and the salvage, if there was one
SITE/*.yaml      objects of the pool, the operator and the database; no Secrets, no ConfigMaps
SITE/logs/       the last lines of operator and chat servers; PREVIOUS is that of a container that ended
SITE/versions.yaml, versions.txt
missing.txt      what could not be read, and why

Taken out: Secrets, passwords, tokens, private keys, kubeconfigs, texts of messages. Not taken out: names of people,
rooms, hosts and addresses.
`

// version is that of this program.
func version() string {
	if i, ok := debug.ReadBuildInfo(); ok {
		return i.Main.Version + ", " + i.GoVersion
	}
	return "not known"
}

// asYAML writes objects, redacted.
func asYAML(items []any) (string, error) {
	b, err := yaml.Marshal(map[string]any{"items": items})
	return string(b), err
}
