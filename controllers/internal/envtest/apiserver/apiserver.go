// Package apiserver starts a real API server for tests, with our kinds and CloudNativePG's, and gives the operator an
// identity of its own with the role that the chart gives it and no other. Nothing but an API server runs: who makes
// pods of objects, the tests must play.
package apiserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"chatpool.dev/controllers"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// Server is an API server that runs.
type Server struct {
	// Client may do anything, without a cache; Config is its.
	Client client.Client
	Config *rest.Config
	// Operator is the operator's own identity.
	Operator *rest.Config

	env *envtest.Environment
}

// Start starts one; root is the repository's top folder.
func Start(root string) (*Server, error) {
	dir, err := assets(root)
	if err != nil {
		return nil, err
	}
	s := &Server{env: &envtest.Environment{
		BinaryAssetsDirectory: dir,
		CRDDirectoryPaths: []string{
			filepath.Join(root, "config/crd"), filepath.Join(root, "controllers/internal/envtest/testdata/cloudnativepg-1.30.0.yaml"),
		},
		ErrorIfCRDPathMissing: true,
	}}
	if s.Config, err = s.env.Start(); err != nil {
		return nil, fmt.Errorf("start the API server: %w", err)
	}
	scheme, err := controllers.Scheme()
	if err == nil {
		s.Client, err = client.New(s.Config, client.Options{Scheme: scheme})
	}
	if err == nil {
		s.Operator, err = asOperator(s.env, s.Client, root)
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Stop ends it.
func (s *Server) Stop() { _ = s.env.Stop() }

// asOperator gives the operator its own identity, with the role that the chart gives it and no other.
func asOperator(env *envtest.Environment, c client.Client, root string) (*rest.Config, error) {
	b, err := os.ReadFile(filepath.Join(root, "config/rbac/role.yaml"))
	if err != nil {
		return nil, err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(b, role); err != nil {
		return nil, fmt.Errorf("read the role: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: role.Name}},
	}
	for _, o := range []client.Object{role, binding} {
		if err := c.Create(context.Background(), o); err != nil {
			return nil, fmt.Errorf("give the operator its role: %w", err)
		}
	}
	user, err := env.AddUser(envtest.User{Name: role.Name}, nil)
	if err != nil {
		return nil, fmt.Errorf("add the operator as a user: %w", err)
	}
	config := user.Config()
	config.QPS, config.Burst = 1000, 1000
	return config, nil
}

// assets finds the API server's programs: where KUBEBUILDER_ASSETS says, or where the local cluster builds them.
func assets(root string) (string, error) {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		dir = filepath.Join(root, ".run/bin")
	}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("these tests need %s in %s: build it by hack/cluster/build.sh kube-apiserver etcd kubectl (make test-envtest does), or set KUBEBUILDER_ASSETS: %w", name, dir, err)
		}
	}
	return dir, nil
}
