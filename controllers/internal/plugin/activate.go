package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func activateCommand(f *flags) *cobra.Command {
	newPool := false
	c := &cobra.Command{
		Use: "activate POOL --new-pool", Short: "Say that a pool is new: no site has data of it",
		Long: `A pool with two sites gets its first database only when the other site answers that it has none. When
the other site cannot be asked, say with --new-pool that there is no data anywhere. If that is wrong,
the pool begins empty beside its data: be sure. The word holds for this ChatPool object in this
cluster alone, and counts for nothing once the site has or had a database.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !newPool {
				return errors.New("say --new-pool: that no site has data of this pool; see --help")
			}
			own, namespace, err := f.own.open()
			if err != nil {
				return err
			}
			if f.namespace == "" {
				f.namespace = namespace
			}
			return SayNew(c.Context(), own, f.namespace, args[0], c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&newPool, "new-pool", false, "there is no data of this pool in any site")
	return c
}

// SayNew writes a person's word that the pool is new onto its object.
func SayNew(ctx context.Context, c *Cluster, namespace, name string, out io.Writer) error {
	p := &v1alpha1.ChatPool{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p); err != nil {
		return fmt.Errorf("read ChatPool %s: %w", name, err)
	}
	switch {
	case !p.HasTwoSites():
		return fmt.Errorf("ChatPool %s has one site, which needs no such word", name)
	case p.Status.Site == "":
		return fmt.Errorf("the operator has not looked at ChatPool %s yet: does it run? kubectl -n chatpool-system get pods", name)
	case p.Status.Database.Data == v1alpha1.DataPresent || p.Status.Database.Data == v1alpha1.DataLost:
		return fmt.Errorf("site %s has or had a database of ChatPool %s, so it is not new; kubectl describe chatpool %s says what it waits for", p.Status.Site, name, name)
	}
	site := p.Status.Site
	if c.Site != "" && c.Site != site {
		return fmt.Errorf("this cluster is site %s, not %s: correct --context or --site", site, c.Site)
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		naming.AnnotationNewPool: naming.NewPool(p, site),
	}}})
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, p, client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner)); err != nil {
		return fmt.Errorf("annotate ChatPool %s: %w", name, err)
	}
	_, err = fmt.Fprintf(out, "site %s makes ChatPool %s anew unless the other site answers that it has data\n", site, name)
	return err
}
