package plugin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Bounds of a report.
const (
	collectTime = 20 * time.Second // for a list, or a log
	logBytes    = 4 << 20          // of one container
	maxLogs     = 100              // containers of a site
	maxEvents   = 2000             // of the pool's namespace, the last ones
)

// operatorLabels find the operator's Deployment and pods, in whatever namespace it is.
var operatorLabels = client.MatchingLabels{naming.LabelName: "chatpool-operator"}

// listed is a kind of objects of a report, and which of them belong to the pool.
type listed struct {
	file string
	kind schema.GroupVersionKind
	keep func(u *unstructured.Unstructured) bool
	opts []client.ListOption
}

// kinds are what a report has of a cluster; Secrets and ConfigMaps are not among them.
func (r *Report) kinds() []listed {
	in := client.InNamespace(r.Namespace)
	ours := []client.ListOption{in, client.MatchingLabels{naming.LabelPool: r.Pool}}
	operator := []client.ListOption{operatorLabels}
	all := func(*unstructured.Unstructured) bool { return true }
	ofPool := func(u *unstructured.Unstructured) bool {
		name, _, _ := unstructured.NestedString(u.Object, "spec", "poolName")
		return name == r.Pool
	}
	named := func(u *unstructured.Unstructured) bool {
		return u.GetName() == r.Pool || strings.HasPrefix(u.GetName(), r.Pool+"-")
	}
	about := func(u *unstructured.Unstructured) bool {
		name, _, _ := unstructured.NestedString(u.Object, "involvedObject", "name")
		kind, _, _ := unstructured.NestedString(u.Object, "involvedObject", "kind")
		return name == r.Pool || strings.HasPrefix(name, r.Pool+"-") || kind == "Category" || kind == "Room"
	}
	core, apps := corev1.SchemeGroupVersion, schema.GroupVersion{Group: "apps", Version: "v1"}
	return []listed{
		{"chatpool", v1alpha1.GroupVersion.WithKind("ChatPool"), func(u *unstructured.Unstructured) bool { return u.GetName() == r.Pool }, []client.ListOption{in}},
		{"categories", v1alpha1.GroupVersion.WithKind("Category"), ofPool, []client.ListOption{in}},
		{"rooms", v1alpha1.GroupVersion.WithKind("Room"), ofPool, []client.ListOption{in}},
		{"clusters", cnpg.ClusterKind, named, []client.ListOption{in}},
		{"databases", cnpg.DatabaseKind, named, []client.ListOption{in}},
		{"leases", schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}, named, []client.ListOption{in}},
		{"events", core.WithKind("Event"), about, []client.ListOption{in}},
		{"pods", core.WithKind("Pod"), all, ours},
		{"statefulsets", apps.WithKind("StatefulSet"), all, ours},
		{"services", core.WithKind("Service"), named, []client.ListOption{in}},
		{"volumes", core.WithKind("PersistentVolumeClaim"), all, ours},
		{"jobs", schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}, all, ours},
		{"networkpolicies", schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}, all, ours},
		{"operator", apps.WithKind("Deployment"), all, operator},
		{"operator-pods", core.WithKind("Pod"), all, operator},
	}
}

// objects adds a site's objects, by kind.
func (r *Report) objects(ctx context.Context, b *bundle, c *Cluster, site string) {
	for _, k := range r.kinds() {
		items, err := list(ctx, c, k)
		if err != nil {
			b.miss("%s/%s.yaml: %v", site, k.file, err)
			continue
		}
		redacted := make([]any, 0, len(items))
		for _, u := range items {
			redacted = append(redacted, redactObject(u.Object))
		}
		text, err := asYAML(redacted)
		if err != nil {
			b.miss("%s/%s.yaml: %v", site, k.file, err)
			continue
		}
		b.add(site+"/"+k.file+".yaml", text)
	}
}

func list(ctx context.Context, c *Cluster, k listed) ([]unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, collectTime)
	defer cancel()
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(k.kind.GroupVersion().WithKind(k.kind.Kind + "List"))
	if err := c.List(ctx, l, k.opts...); err != nil {
		return nil, err
	}
	items := slices.DeleteFunc(l.Items, func(u unstructured.Unstructured) bool { return !k.keep(&u) })
	if k.kind.Kind == "Event" {
		slices.SortStableFunc(items, func(a, b unstructured.Unstructured) int { return strings.Compare(happened(a), happened(b)) })
		items = items[max(0, len(items)-maxEvents):]
	}
	return items, nil
}

// happened is when an Event was last seen; times of one form compare as text.
func happened(u unstructured.Unstructured) string {
	for _, field := range []string{"lastTimestamp", "eventTime"} {
		if s, _, _ := unstructured.NestedString(u.Object, field); s != "" {
			return s
		}
	}
	return u.GetCreationTimestamp().UTC().Format(time.RFC3339)
}

// versions adds what Kubernetes says of itself; images stand in the pods.
func (r *Report) versions(ctx context.Context, b *bundle, c *Cluster, site string) {
	text, err := r.read(ctx, c, "/version", nil)
	var v map[string]any
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &v)
	}
	var out []byte
	if err == nil {
		out, err = yaml.Marshal(redactMap(v, false))
	}
	if err != nil {
		b.miss("%s/versions.yaml: %v", site, err)
		return
	}
	b.add(site+"/versions.yaml", string(out))
}

// logs adds the last lines of operator and chat servers.
func (r *Report) logs(ctx context.Context, b *bundle, c *Cluster, site string) {
	n := 0
	for _, opts := range [][]client.ListOption{
		{operatorLabels},
		{client.InNamespace(r.Namespace), client.MatchingLabels{naming.LabelPool: r.Pool, naming.LabelComponent: string(naming.Chat)}},
		{client.InNamespace(r.Namespace), client.MatchingLabels{naming.LabelPool: r.Pool, naming.LabelComponent: string(naming.Migrate)}},
	} {
		quick, cancel := context.WithTimeout(ctx, collectTime)
		pods := &corev1.PodList{}
		err := c.List(quick, pods, opts...)
		cancel()
		if err != nil {
			b.miss("%s/logs: %v", site, err)
			continue
		}
		for _, p := range pods.Items {
			for _, s := range append(slices.Clone(p.Status.InitContainerStatuses), p.Status.ContainerStatuses...) {
				if n++; n > maxLogs {
					b.miss("%s/logs: only those of the first %d containers are taken", site, maxLogs)
					return
				}
				r.log(ctx, b, c, site, p, s)
			}
		}
	}
}

// log adds the log of a container, and of the one before it, if that ended.
func (r *Report) log(ctx context.Context, b *bundle, c *Cluster, site string, p corev1.Pod, s corev1.ContainerStatus) {
	path := "/api/v1/namespaces/" + url.PathEscape(p.Namespace) + "/pods/" + url.PathEscape(p.Name) + "/log"
	for _, previous := range []bool{false, true} {
		if previous && s.RestartCount == 0 {
			continue
		}
		name := fmt.Sprintf("%s/logs/%s-%s.log", site, p.Name, s.Name)
		query := map[string]string{"container": s.Name, "tailLines": fmt.Sprint(r.LogLines), "limitBytes": fmt.Sprint(logBytes), "timestamps": "false"}
		if previous {
			name = strings.TrimSuffix(name, ".log") + "-PREVIOUS.log"
			query["previous"] = "true"
		}
		text, err := r.read(ctx, c, path, query)
		if err != nil {
			b.miss("%s: %v", name, err)
			continue
		}
		b.add(name, redactLines(text))
	}
}

func redactLines(text string) string {
	text = pem.ReplaceAllString(text, "[redacted private key]") // it has many lines
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, logBytes+1)
	for lines.Scan() {
		out.WriteString(redactLog(lines.Text()) + "\n")
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintf(&out, "[cut: %v]\n", err)
	}
	return out.String()
}

func (r *Report) read(ctx context.Context, c *Cluster, path string, query map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, collectTime)
	defer cancel()
	body, err := r.Raw(ctx, c, path, query)
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(io.LimitReader(body, logBytes))
	return string(text), err
}

// raw reads a path of the API server with the caller's rights.
func raw(ctx context.Context, c *Cluster, path string, query map[string]string) (io.ReadCloser, error) {
	config := rest.CopyConfig(c.Config)
	config.GroupVersion, config.NegotiatedSerializer = &corev1.SchemeGroupVersion, clientscheme.Codecs.WithoutConversion()
	rc, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	req := rc.Get().AbsPath(path)
	for k, v := range query {
		req = req.Param(k, v)
	}
	return req.Stream(ctx)
}
