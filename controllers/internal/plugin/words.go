package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Saying is a person's word to the operator of this cluster's site.
type Saying struct {
	Annotation string
	Word       naming.Word
	DryRun     bool
	Out        io.Writer
}

func activateCommand(f *flags) *cobra.Command {
	s := Saying{Annotation: naming.AnnotationActivate}
	c := &cobra.Command{
		Use: "activate POOL --epoch N", Short: "Have this site begin an epoch, on your word that the other one does not serve",
		Long: `Writes the annotation chatpool.dev/activate onto this cluster's ChatPool, nothing else, after asking its
status whether that can come true. This site then begins epoch N: it opens its database, and its chat
servers take posts, without the other site's proof. If the other site in truth serves, posts of both are
kept and the lower epoch's are salvaged, but until the sites meet there are two pools: be sure. The
epoch, and what may be lost, are named by kubectl chatpool status; the word is good once, for this
object in this cluster alone.

--abandon M names the epoch whose posts may be left behind. --new-pool says that no site has data of
this pool: it begins with an empty database.`,
		Example: `  kubectl chatpool activate -n chat --context home trading --epoch 3
  kubectl chatpool activate -n chat --context home trading --epoch 3 --abandon 2
  kubectl chatpool activate -n chat --context home trading --epoch 101 --new-pool`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return s.run(c, f, args[0]) },
	}
	c.Flags().Int64Var(&s.Word.Epoch, "epoch", 0, "the epoch that begins by it")
	c.Flags().Int64Var(&s.Word.Abandon, "abandon", 0, "posts of this epoch may be left behind")
	c.Flags().BoolVar(&s.Word.NewPool, "new-pool", false, "there is no data of this pool in any site")
	c.Flags().BoolVar(&s.DryRun, "dry-run", false, "print what is found and what would happen only")
	cobra.CheckErr(c.MarkFlagRequired("epoch"))
	c.MarkFlagsMutuallyExclusive("abandon", "new-pool")
	return c
}

func releaseCommand(f *flags) *cobra.Command {
	s := Saying{Annotation: naming.AnnotationRelease}
	c := &cobra.Command{
		Use: "release POOL --epoch N", Short: "Have this site stop serving for good in its epoch, so that the other one can take over",
		Long: `Writes the annotation chatpool.dev/release onto this cluster's ChatPool, nothing else. This site then
shuts chat, fences its database and gives up epoch N: there is no way back into it. The other site takes
over with what it has received, as soon as it reads that. For when both sites live and do not reach each
other, or this one cannot serve; to move a pool without loss: kubectl chatpool failover.`,
		Example: "  kubectl chatpool release -n chat --context home trading --epoch 1",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return s.run(c, f, args[0]) },
	}
	c.Flags().Int64Var(&s.Word.Epoch, "epoch", 0, "the epoch in which this site serves")
	c.Flags().BoolVar(&s.DryRun, "dry-run", false, "print what is found and what would happen only")
	cobra.CheckErr(c.MarkFlagRequired("epoch"))
	return c
}

func (s *Saying) run(c *cobra.Command, f *flags, pool string) error {
	s.Out = c.OutOrStdout()
	v, err := f.look(c.Context(), pool, pulsePatience)
	if err != nil {
		return err
	}
	own, err := v.own()
	if err != nil {
		return err
	}
	return s.Say(c.Context(), v, own)
}

// own is the site of this cluster, as --context and --kubeconfig give it.
func (v View) own() (Seen, error) {
	if v.Single {
		return Seen{}, fmt.Errorf("%s has one site, which needs no such word", v.object())
	}
	for _, s := range v.sites() {
		if s.Cluster == nil || s.Cluster.isPeer {
			continue
		}
		if !s.Answers() {
			return Seen{}, fmt.Errorf("the cluster %s does not answer, and the word is for it: %w", s.Cluster.where(), s.Err)
		}
		return s, nil
	}
	return Seen{}, fmt.Errorf("it is not known which site of %s this cluster is: say --site", v.object())
}

// Say asks the status whether the word makes sense, tells what will happen, and writes it.
func (s *Saying) Say(ctx context.Context, v View, own Seen) error {
	other := v.Of(own.Side.Other())
	var gates []Gate
	var will string
	switch s.Annotation {
	case naming.AnnotationRelease:
		gates, will = releaseGates(v, own, other, s.Word), willRelease(own, other, s.Word)
	case naming.AnnotationAbandonTail:
		gates, will = abandonGates(v, own, other, s.Word), willAbandon(own, other, s.Word)
	default:
		gates, will = forceGates(v, own.Side, s.Word, true), willActivate(own, other, s.Word)
	}
	if err := showGates(s.Out, gates); err != nil {
		return err
	}
	if closed := red(gates); len(closed) > 0 {
		return refusal("nothing was changed", closed)
	}
	if s.DryRun {
		_, err := fmt.Fprintf(s.Out, "\nwould annotate %s in site %s: %s=%s\n%s\n", v.object(), own.Name, s.Annotation, s.Word.Value(own.Pool), will)
		return err
	}
	if err := s.annotate(ctx, own); err != nil {
		return fmt.Errorf("annotate %s in site %s: %w", v.object(), own.Name, err)
	}
	_, err := fmt.Fprintf(s.Out, "\nannotated  %s in site %s\n%s\nto see it: %s\n", v.object(), own.Name, will, v.command("status", "--watch"))
	return err
}

func (s *Saying) annotate(ctx context.Context, own Seen) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		// Of the very object whose status was asked.
		"uid":         own.Pool.UID,
		"annotations": map[string]string{s.Annotation: s.Word.Value(own.Pool)},
	}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return own.Cluster.Patch(ctx, own.Pool.DeepCopy(), client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner))
}

// releaseGates: only the site whose epoch is the highest can give it up.
func releaseGates(v View, own, other Seen, w naming.Word) []Gate {
	st := own.Pool.Status
	gates := []Gate{
		operatorLives(own),
		gate(own.Name+" has the epoch", own.Side.Mints(st.Epoch), fmt.Sprintf("%s, epoch %d", orWord(st.Role, "no role yet"), st.Epoch),
			"only the site whose epoch is the highest can release it, which is "+other.Name),
		gate(fmt.Sprintf("epoch %d is the present one", w.Epoch), w.Epoch == st.Epoch, "it is "+number(st.Epoch), "say: "+v.command("release", "--epoch "+number(st.Epoch))),
	}
	takes := Gate{What: other.Name + " can take over", Note: true, Why: "it was not asked: give --peer-context"}
	if other.Answers() {
		takes = holdsAll(other, own)
		takes.Note = !takes.OK
	}
	return append(gates, takes)
}

func willRelease(own, other Seen, w naming.Word) string {
	return fmt.Sprintf("%s shuts chat, fences its database and gives up epoch %d for good; %s takes over with what it has received, as soon as it reads that: %s",
		own.Name, w.Epoch, other.Name, loss(other, own))
}

func willActivate(own, other Seen, w naming.Word) string {
	if w.NewPool {
		return fmt.Sprintf("%s begins the pool anew, with an empty database, in epoch %d, unless %s answers that it has data", own.Name, w.Epoch, other.Name)
	}
	s := fmt.Sprintf("%s begins epoch %d with what it has, unless %s is found to serve; %s returns as follower", own.Name, w.Epoch, other.Name, other.Name)
	if w.Abandon != 0 {
		s += fmt.Sprintf("; posts of epoch %d that %s does not have may be lost", w.Abandon, own.Name)
	}
	return s
}
