package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"chatpool.dev/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// showPatch prints what belongs in Git: a patch of the ChatPool as it stands in both clusters' manifests.
func showPatch(out io.Writer, v View, patch map[string]any) error {
	whole := maps.Clone(patch)
	whole["apiVersion"], whole["kind"] = v1alpha1.GroupVersion.String(), "ChatPool"
	whole["metadata"] = map[string]any{"name": v.Pool, "namespace": v.Namespace}
	b, err := yaml.Marshal(whole)
	if err != nil {
		return fmt.Errorf("write the patch: %w", err)
	}
	_, err = fmt.Fprintf(out, "\nThe patch that belongs in Git, for the manifests of both sites (null: take the field out):\n\n%s\n", indent(string(b)))
	return err
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n  ") + "\n"
}

// patchAll writes a patch to the ChatPools of sites. All are asked first whether they would take it, so that one does
// not refuse what another has taken already.
func patchAll(ctx context.Context, out io.Writer, v View, sites []Seen, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("write the patch: %w", err)
	}
	for _, s := range sites {
		if err := patchOne(ctx, s, body, client.DryRunAll); err != nil {
			return fmt.Errorf("nothing was changed: site %s would not take the patch of %s: %w", s.Name, v.object(), err)
		}
	}
	var done []string
	for _, s := range sites {
		before := s.Pool.ResourceVersion
		changed := s.Pool.DeepCopy()
		s.Pool = changed
		if err := patchOne(ctx, s, body); err != nil {
			err = fmt.Errorf("change %s in site %s: %w", v.object(), s.Name, err)
			if len(done) > 0 {
				err = fmt.Errorf("%w; site %s was changed already, and one site alone moves nothing: repeat the command", err, strings.Join(done, " and "))
			}
			return err
		}
		done = append(done, s.Name)
		word := "changed"
		if changed.ResourceVersion == before {
			word = "as it is"
		}
		if _, err := fmt.Fprintf(out, "%-10s %s in site %s\n", word, v.object(), s.Name); err != nil {
			return err
		}
	}
	return nil
}

func patchOne(ctx context.Context, s Seen, body []byte, opts ...client.PatchOption) error {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	pool := s.Pool
	if len(opts) > 0 {
		pool = pool.DeepCopy()
	}
	return s.Cluster.Patch(ctx, pool, client.RawPatch(types.MergePatchType, body), append(opts, client.FieldOwner(fieldOwner))...)
}

// tool is a GitOps tool that may make an object again what Git says.
type tool struct {
	name string
	// marks begin the labels and annotations that it puts on its objects; managers are its names in managedFields.
	marks, managers []string
}

var tools = []tool{
	{"Argo CD", []string{"argocd.argoproj.io/"}, []string{"argocd-controller", "argocd-application-controller"}},
	{"Flux", []string{"kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"}, []string{"kustomize-controller", "helm-controller"}},
}

// managedBy is the GitOps tool that manages an object, and by what that was told; empty: none that is known.
func managedBy(o metav1.Object) (name, sign string) {
	for _, t := range tools {
		for _, kind := range []struct {
			word  string
			marks map[string]string
		}{{"label", o.GetLabels()}, {"annotation", o.GetAnnotations()}} {
			for _, key := range slices.Sorted(maps.Keys(kind.marks)) {
				if slices.ContainsFunc(t.marks, func(m string) bool { return strings.HasPrefix(key, m) }) {
					return t.name, kind.word + " " + key
				}
			}
		}
		for _, f := range o.GetManagedFields() {
			if slices.Contains(t.managers, f.Manager) {
				return t.name, "field manager " + f.Manager
			}
		}
	}
	return "", ""
}

// showTools warns of tools that may take back what is written here.
func showTools(out io.Writer, sites []Seen) error {
	for _, s := range sites {
		if !s.Answers() {
			continue
		}
		name, sign := managedBy(s.Pool)
		if name == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "warning: in site %s the ChatPool is managed by %s (%s), which may take the change back: commit the patch, too\n", s.Name, name, sign); err != nil {
			return err
		}
	}
	return nil
}
