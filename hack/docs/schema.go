package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"chatpool.dev/api/v1alpha1"

	"sigs.k8s.io/yaml"
)

// schema is what the reference shows of a field's OpenAPI schema.
type schema struct {
	Description   string             `json:"description"`
	Type          string             `json:"type"`
	Format        string             `json:"format"`
	Default       json.RawMessage    `json:"default"`
	Enum          []string           `json:"enum"`
	Minimum       *int64             `json:"minimum"`
	Maximum       *int64             `json:"maximum"`
	MinLength     *int64             `json:"minLength"`
	MaxLength     *int64             `json:"maxLength"`
	MaxItems      *int64             `json:"maxItems"`
	MaxProperties *int64             `json:"maxProperties"`
	Properties    map[string]*schema `json:"properties"`
	Items         *schema            `json:"items"`
	Required      []string           `json:"required"`
	ListType      string             `json:"x-kubernetes-list-type"`
	ListMapKeys   []string           `json:"x-kubernetes-list-map-keys"`
	Rules         []rule             `json:"x-kubernetes-validations"`
}

// rule is a validation beyond the schema's own: its message, and the field below that it is about.
type rule struct {
	Message   string `json:"message"`
	FieldPath string `json:"fieldPath"`
}

// column is one that kubectl get shows; those of a priority above 0 with -o wide only.
type column struct {
	Name     string `json:"name"`
	JSONPath string `json:"jsonPath"`
	Priority int    `json:"priority"`
}

// kind is a custom resource.
type kind struct {
	name, plural string
	shortNames   []string
	columns      []column
	schema       *schema
	goType       reflect.Type
	readyWhen    []string
}

// readKinds reads config/crd.
func readKinds(root string) ([]kind, error) {
	pool := &v1alpha1.ChatPool{}
	pool.Spec.Database.Provider, pool.Spec.Database.Durability = v1alpha1.CloudNativePG, v1alpha1.Mirror
	kinds := []kind{
		{name: "ChatPool", plural: "chatpools", goType: reflect.TypeFor[v1alpha1.ChatPool](), readyWhen: pool.ReadyWhen()},
		{name: "Category", plural: "categories", goType: reflect.TypeFor[v1alpha1.Category](), readyWhen: (&v1alpha1.Category{}).ReadyWhen()},
		{name: "Room", plural: "rooms", goType: reflect.TypeFor[v1alpha1.Room](), readyWhen: (&v1alpha1.Room{}).ReadyWhen()},
	}
	files, err := filepath.Glob(filepath.Join(root, "config/crd/*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) != len(kinds) {
		return nil, fmt.Errorf("config/crd has %d files, want one of each of %d kinds", len(files), len(kinds))
	}
	for i := range kinds {
		if err := kinds[i].read(filepath.Join(root, "config/crd/chatpool.dev_"+kinds[i].plural+".yaml")); err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

func (k *kind) read(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Names    struct{ ShortNames []string }
			Versions []struct {
				AdditionalPrinterColumns []column
				Schema                   struct{ OpenAPIV3Schema *schema }
			}
		}
	}
	if err := yaml.Unmarshal(b, &crd); err != nil {
		return fmt.Errorf("read %q: %w", path, err)
	}
	if n := len(crd.Spec.Versions); n != 1 {
		return fmt.Errorf("read %q: %d versions, want 1", path, n)
	}
	v := crd.Spec.Versions[0]
	k.shortNames, k.columns, k.schema = crd.Spec.Names.ShortNames, v.AdditionalPrinterColumns, v.Schema.OpenAPIV3Schema
	return nil
}

// field is one of a struct, in the order of the Go type.
type field struct {
	name     string
	schema   *schema
	goType   reflect.Type // pointers removed
	required bool
}

// fieldsOf lists the fields of a struct of ours. A field that the schema lacks is an error of ours, not of the reader's.
func fieldsOf(s *schema, t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || s.Properties[name] == nil || len(f.Index) > 1 {
			continue
		}
		out = append(out, field{name, s.Properties[name], bare(f.Type), slices.Contains(s.Required, name)})
	}
	return out
}

func bare(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// nested gives the struct of ours that a field holds, once or as a list; false if it holds none.
func (f field) nested() (*schema, reflect.Type, bool) {
	s, t := f.schema, f.goType
	if t.Kind() == reflect.Slice {
		s, t = s.Items, bare(t.Elem())
	}
	return s, t, t.Kind() == reflect.Struct && ours(t)
}

func ours(t reflect.Type) bool { return t.PkgPath() == reflect.TypeFor[v1alpha1.ChatPool]().PkgPath() }
