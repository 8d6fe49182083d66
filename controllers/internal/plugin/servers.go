package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// InService is what kubectl chatpool active-servers is asked to do. Without Set, All or None it shows.
type InService struct {
	Set       []string
	All, None bool
	DryRun    bool
	Out       io.Writer
}

func serversCommand(f *flags) *cobra.Command {
	s := InService{}
	c := &cobra.Command{
		Use: "active-servers POOL", Short: "Show or set which chat servers are in service",
		Long: `Shows, or sets in both clusters, spec.servers.active: the chat servers in service, as SITE/ORDINAL. The
others take no sessions, and the ones that they have move to other servers of their site. --all takes
the field out: every server of the active site. --none stops chat for maintenance: people stay signed
in and read, posts get 503, and no server loses its right to serve. A site of which no server is listed
takes no posts while it is the active one.

With one cluster given, that one alone is changed. The patch that belongs in Git is printed; with
--dry-run it is not applied.`,
		Example: `  kubectl chatpool active-servers -n chat --context home --peer-context backup trading
  kubectl chatpool active-servers -n chat --context home --peer-context backup trading --set home/0,backup/0
  kubectl chatpool active-servers -n chat --context home --peer-context backup trading --none   # maintenance
  kubectl chatpool active-servers -n chat --context backup trading --all   # home is lost`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s.Out = c.OutOrStdout()
			v, err := f.look(c.Context(), args[0], 0)
			if err != nil {
				return err
			}
			return s.Run(c.Context(), v, c.Flags().Changed("set"))
		},
	}
	c.Flags().StringSliceVar(&s.Set, "set", nil, "the servers in service, such as home/0,home/1")
	c.Flags().BoolVar(&s.All, "all", false, "every server of the active site is in service")
	c.Flags().BoolVar(&s.None, "none", false, "no server is in service: maintenance")
	c.Flags().BoolVar(&s.DryRun, "dry-run", false, "print the patch only")
	c.MarkFlagsMutuallyExclusive("set", "all", "none")
	return c
}

// Run shows the servers, or changes which are in service in every cluster that was given.
func (s *InService) Run(ctx context.Context, v View, set bool) error {
	if !set && !s.All && !s.None {
		return showServers(s.Out, v)
	}
	var sites []Seen
	for _, site := range v.sites() {
		switch {
		case site.Answers():
			sites = append(sites, site)
		case site.Cluster != nil:
			return fmt.Errorf("nothing was changed: the cluster %s of site %s does not answer: %w; to change the other one alone, give no other cluster", site.Cluster.where(), site.Name, site.Err)
		}
	}
	var active any // absent
	switch {
	case s.None:
		active = []string{}
	case set:
		list, err := v.checked(s.Set)
		if err != nil {
			return err
		}
		active = list
	}
	patch := map[string]any{"spec": map[string]any{"servers": map[string]any{"active": active}}}
	if err := showPatch(s.Out, v, patch); err != nil {
		return err
	}
	if err := s.warn(v, active); err != nil {
		return err
	}
	if err := showTools(s.Out, sites); err != nil || s.DryRun {
		return err
	}
	if err := patchAll(ctx, s.Out, v, sites, patch); err != nil || len(sites) == len(v.sites()) {
		return err
	}
	_, err := fmt.Fprintln(s.Out, "the other site goes by its own manifest, which should say the same")
	return err
}

// checked are the servers as the manifest lists them, in order; each must be one of a site of the pool.
func (v View) checked(list []string) ([]string, error) {
	if len(list) == 0 {
		return nil, errors.New("--set needs servers such as home/0; to stop chat for maintenance: --none")
	}
	known := v.servers()
	for _, name := range list {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("--set %s: there is no such server, there are %s; spec.servers.replicas says how many", name, strings.Join(known, ", "))
		}
	}
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(slices.Index(known, a), slices.Index(known, b)) })
	return slices.Compact(out), nil
}

// servers are all servers of the pool, as the manifest names them.
func (v View) servers() []string {
	var out []string
	for _, s := range v.sites() {
		for i := range v.replicas(s) {
			out = append(out, v.server(s, i))
		}
	}
	return out
}

func (v View) server(s Seen, ordinal int) string {
	if v.Single {
		return strconv.Itoa(ordinal)
	}
	return s.Name + "/" + strconv.Itoa(ordinal)
}

// replicas of a site that does not answer are those of the other one: the manifest is the same.
func (v View) replicas(s Seen) int {
	if !s.Answers() {
		s = v.Of(s.Side.Other())
	}
	return replicas(s)
}

func replicas(s Seen) int {
	if n := s.Pool.Spec.Servers.Replicas; n != nil {
		return int(*n)
	}
	return int(s.Pool.Status.Servers.Replicas)
}

// warn tells what a list stops.
func (s *InService) warn(v View, active any) error {
	list, isList := active.([]string)
	if !isList {
		return nil
	}
	for _, site := range v.sites() {
		has := slices.ContainsFunc(list, func(a string) bool { return v.Single || strings.HasPrefix(a, site.Name+"/") })
		text := ""
		switch {
		case has:
		case serves(site) || v.Single:
			text = "warning: " + site.Name + " serves, and none of its servers is in service: posts get 503 until that is changed"
		default:
			text = "note: none of the servers of " + site.Name + " is in service: after a move to it, posts get 503 until that is changed"
		}
		if text == "" {
			continue
		}
		if _, err := fmt.Fprintln(s.Out, text); err != nil {
			return err
		}
	}
	return nil
}

// showServers prints each server, and whether each site's manifest has it in service.
func showServers(out io.Writer, v View) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	head := "SERVER"
	for _, m := range v.sites() {
		head += "\tMANIFEST OF " + m.Name
	}
	fmt.Fprintln(w, head)
	for _, s := range v.sites() {
		for i := range v.replicas(s) {
			name := v.server(s, i)
			line := name
			for _, m := range v.sites() {
				line += "\t" + service(m, name)
			}
			fmt.Fprintln(w, line)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range v.sites() {
		b.WriteString(silence(v, s))
	}
	h, o := v.Home, v.Backup
	if h.Answers() && o.Answers() && !equalActive(h.Pool.Spec.Servers.Active, o.Pool.Spec.Servers.Active) {
		fmt.Fprintf(&b, "\nthe manifests differ, and each site goes by its own; make them equal by --set, --all or --none\n")
	}
	_, err := io.WriteString(out, trimLines(b.String()))
	return err
}

// service is what a site's manifest says about a server.
func service(manifest Seen, server string) string {
	if !manifest.Answers() {
		return "?"
	}
	active := manifest.Pool.Spec.Servers.Active
	switch {
	case active == nil, slices.Contains(*active, server):
		return "in service"
	case len(*active) == 0:
		return "maintenance"
	}
	return "out of service"
}

func equalActive(a, b *[]string) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := slices.Sorted(slices.Values(*a)), slices.Sorted(slices.Values(*b))
	return slices.Equal(x, y)
}
