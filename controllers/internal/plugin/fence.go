package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Fencing is a person's order that the database of this cluster's site stays down.
type Fencing struct {
	Yes    bool
	DryRun bool
	Out    io.Writer
}

func fenceCommand(f *flags) *cobra.Command {
	o := Fencing{}
	c := &cobra.Command{
		Use: "fence POOL --yes", Short: "Order this site's database down, by hand, when its operator is dead and its cluster answers",
		Long: `Writes two annotations onto the CloudNativePG Cluster of this cluster's site, nothing else: PostgreSQL is
stopped in all instances, and stays down over a power cut. People of this site can neither post nor read
then. It is for a site whose operator is dead while its API server answers, before the other site is
forced: what cannot be written to cannot serve. While the operator lives this is refused, as it would
take the order back: kubectl chatpool release.

Nothing has to be undone by hand. When the operator is back, it lets the database run again: as before, if
the other site has not taken over meanwhile; else as a readable standby that follows nobody, until what it
alone has is salvaged. Never write or remove CloudNativePG's own annotation yourself.

Without --yes nothing is written.`,
		Example: `  kubectl chatpool fence -n chat --context home trading --dry-run
  kubectl chatpool fence -n chat --context home trading --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Out = c.OutOrStdout()
			v, err := f.look(c.Context(), args[0], pulsePatience)
			if err != nil {
				return err
			}
			own, err := v.own()
			if err != nil {
				return err
			}
			return o.Run(c.Context(), v, own)
		},
	}
	c.Flags().BoolVar(&o.Yes, "yes", false, "yes, people of this site are to be cut off")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "print what is found and what would happen only")
	return c
}

// Run asks whether the order makes sense, tells what will happen, and gives it.
func (o *Fencing) Run(ctx context.Context, v View, own Seen) error {
	u, err := databaseOf(ctx, own)
	if err != nil {
		return err
	}
	gates := fenceGates(v, own, u)
	if err := showGates(o.Out, gates); err != nil {
		return err
	}
	if closed := red(gates); len(closed) > 0 {
		return refusal("nothing was changed", closed)
	}
	what := fmt.Sprintf("Cluster %s/%s in site %s", v.Namespace, u.GetName(), own.Name)
	will := fmt.Sprintf("PostgreSQL of site %s stops and stays down: nobody posts or reads there. When its operator is back, that decides what the database is", own.Name)
	switch {
	case o.DryRun:
		_, err := fmt.Fprintf(o.Out, "\nwould annotate %s: %s=%s, %s=true\n%s\n", what, cnpg.AnnotationFenced, allInstances, naming.AnnotationFenced, will)
		return err
	case !o.Yes:
		return errors.New("nothing was changed: if people of site " + own.Name + " are to be cut off, add --yes")
	}
	if err := order(ctx, own, u); err != nil {
		return fmt.Errorf("annotate %s: %w", what, err)
	}
	_, err = fmt.Fprintf(o.Out, "\nannotated  %s\n%s\nit is down when this shows no pod that is ready: %s-n %s get pods -l %s=%s\n",
		what, will, own.kubectl(), v.Namespace, naming.LabelCNPGCluster, u.GetName())
	return err
}

// allInstances are what CloudNativePG keeps down.
const allInstances = `["*"]`

// databaseOf reads the Cluster of a site.
func databaseOf(ctx context.Context, s Seen) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	err := s.Cluster.Get(ctx, naming.Key(s.Pool, naming.Cluster(s.Pool)), u)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Cluster %s in site %s: there is no database to order down", naming.Cluster(s.Pool), s.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("read Cluster %s in site %s: %w", naming.Cluster(s.Pool), s.Name, err)
	}
	return u, nil
}

// fenceGates: a living operator decides itself what its database is, and would take the order back.
func fenceGates(v View, own Seen, u *unstructured.Unstructured) []Gate {
	a := u.GetAnnotations()
	ordered := a[naming.AnnotationFenced] != ""
	turning := a[cnpg.AnnotationFenced] != "" && !ordered
	gates := []Gate{
		gate(own.Name+"'s operator is dead", own.Pulse != Beats, orWord(string(own.Pulse), "not known"),
			"it lives, and would take the order back; to have it shut the site: "+v.command("release", "--epoch "+number(own.Pool.Status.Epoch))),
		gate("CloudNativePG is not at work on it", true, "", ""),
		{What: "nobody is cut off", OK: !serves(own), Note: true, Why: fmt.Sprintf("as last written: %s, epoch %d", orWord(own.Pool.Status.Role, "no role yet"), own.Pool.Status.Epoch),
			Cure: "people of this site are, until " + v.Of(own.Side.Other()).Name + " has taken over"},
	}
	if turning {
		gates[1] = gate(gates[1].What, false, "it keeps instances down for its own purposes",
			"wait until it is done; else: "+own.kubectl()+"-n "+v.Namespace+" describe clusters.postgresql.cnpg.io "+u.GetName())
	}
	if ordered {
		gates = append(gates, Gate{What: "it is not ordered down yet", Note: true, Why: "the order stands already"})
	}
	return gates
}

// order writes the annotations onto the very Cluster that was read.
func order(ctx context.Context, own Seen, u *unstructured.Unstructured) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         u.GetUID(),
		"annotations": map[string]string{cnpg.AnnotationFenced: allInstances, naming.AnnotationFenced: "true"},
	}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return own.Cluster.Patch(ctx, u, client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner))
}
