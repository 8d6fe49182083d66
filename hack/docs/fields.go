package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// markdown is a kind's part of the reference.
func (k kind) markdown(api *api) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", k.name, oneLine(k.schema.Description))
	fmt.Fprintf(&b, "Short names: %s. `Ready` is True when these are: %s.\n\n", quoted(k.shortNames), quoted(k.readyWhen))
	for _, r := range k.schema.Rules {
		fmt.Fprintf(&b, "Refused with: *%s*\n\n", r.Message)
	}
	for _, f := range fieldsOf(k.schema, k.goType) {
		switch f.name {
		case "spec":
			section(&b, k.name, "spec", f.schema, f.goType, api)
		case "status":
			section(&b, k.name, "status", f.schema, f.goType, api)
			b.WriteString("### " + k.name + ": what kubectl get shows\n\n" + columnTable(k.columns) + "\n")
		}
	}
	return b.String()
}

// section is a struct: a heading, a table of its fields, what it is refused with, then the structs in it.
func section(b *strings.Builder, kind, path string, s *schema, t reflect.Type, api *api) {
	fields := fieldsOf(s, t)
	fmt.Fprintf(b, "### %s: `%s`\n\n", kind, path)
	head := []string{"field", "type", "default", "limits", "meaning"}
	if strings.HasPrefix(path, "status") {
		head = []string{"field", "type", "meaning"}
	}
	var rows [][]string
	for _, f := range fields {
		row := []string{"`" + f.name + "`", typeName(kind, path, f), f.value(), f.limits(), oneLine(f.schema.Description)}
		if len(head) == 3 {
			row = []string{row[0], row[1], row[4]}
		}
		rows = append(rows, row)
	}
	b.WriteString(table(head, rows) + "\n")
	refusals(b, s, fields, api)
	for _, f := range fields {
		if s, t, ok := f.nested(); ok {
			section(b, kind, path+"."+f.name+list(f), s, t, api)
		}
	}
}

// refusals lists the messages of a struct and of its fields; those of a named type stand with the type.
func refusals(b *strings.Builder, s *schema, fields []field, api *api) {
	var lines []string
	for _, r := range s.Rules {
		name := strings.TrimPrefix(r.FieldPath, ".")
		lines = append(lines, fmt.Sprintf("* `%s`: *%s*\n", name, r.Message))
	}
	for _, f := range fields {
		for _, r := range f.schema.Rules {
			if !ours(f.goType) || !strings.Contains(api.types[f.goType.Name()], r.Message) {
				lines = append(lines, fmt.Sprintf("* `%s`: *%s*\n", f.name, r.Message))
			}
		}
	}
	if len(lines) > 0 {
		b.WriteString("Refused with:\n\n" + strings.Join(lines, "") + "\n")
	}
}

func list(f field) string {
	if f.goType.Kind() == reflect.Slice {
		return "[]"
	}
	return ""
}

// typeName names a field's type, with a link to where it is explained.
func typeName(kind, path string, f field) string {
	t := f.goType
	if t.Kind() == reflect.Slice {
		return "list of " + typeName(kind, path, field{name: f.name + "[]", schema: f.schema.Items, goType: bare(t.Elem())})
	}
	switch {
	case t.Kind() == reflect.Struct && ours(t):
		return fmt.Sprintf("[object](#%s)", slug(kind+": "+path+"."+f.name))
	case t.Kind() == reflect.Map:
		return "map of string to string"
	case named(t, f.schema):
		return fmt.Sprintf("[%s](#types)", t.Name())
	case t.Kind() == reflect.Struct:
		return t.Name() + " (Kubernetes)"
	}
	return strings.TrimSuffix(f.schema.Type, "eger") + strings.TrimPrefix(f.schema.Format, "int") // string, boolean, int32
}

// named tells whether a type of ours is explained in the table of types: texts that are no choice.
func named(t reflect.Type, s *schema) bool {
	return ours(t) && t.Kind() == reflect.String && len(s.Enum) == 0
}

func (f field) value() string {
	switch d := string(f.schema.Default); {
	case f.required:
		return "required"
	case d == "" || d == "{}":
		return ""
	default:
		return "`" + strings.Trim(d, `"`) + "`"
	}
}

// limits says what values a field takes; those of a named type stand with the type.
func (f field) limits() string {
	s, out := f.schema, []string{}
	if len(s.Enum) > 0 {
		out = append(out, quoted(s.Enum))
	}
	if s.Minimum != nil && s.Maximum != nil {
		out = append(out, fmt.Sprintf("%d to %d", *s.Minimum, *s.Maximum))
	}
	if !named(f.goType, s) {
		out = append(out, s.length()...)
	}
	if s.MaxItems != nil {
		out = append(out, fmt.Sprintf("at most %d entries", *s.MaxItems))
	}
	if s.MaxProperties != nil {
		out = append(out, fmt.Sprintf("at most %d entries", *s.MaxProperties))
	}
	switch {
	case s.ListType == "map":
		out = append(out, "each "+strings.Join(s.ListMapKeys, ", ")+" once")
	case s.ListType == "set":
		out = append(out, "each once")
	}
	if s.Items != nil && s.Items.Type == "string" && !named(bare(f.goType.Elem()), s.Items) {
		for _, l := range s.Items.length() {
			out = append(out, "each "+l)
		}
	}
	return strings.Join(out, "; ")
}

func (s *schema) length() []string {
	switch {
	case s.MaxLength == nil:
		return nil
	case s.MinLength == nil:
		return []string{fmt.Sprintf("at most %d characters", *s.MaxLength)}
	}
	return []string{fmt.Sprintf("%d to %d characters", *s.MinLength, *s.MaxLength)}
}

// typeTable explains the named types that the kinds use.
func typeTable(kinds []kind, api *api) string {
	rows := map[string][]string{}
	var walk func(*schema, reflect.Type)
	walk = func(s *schema, t reflect.Type) {
		for _, f := range fieldsOf(s, t) {
			s, t, ok := f.nested()
			if ok {
				walk(s, t)
			} else if s != nil && named(t, s) {
				doc := api.types[t.Name()]
				var refused []string
				for _, r := range s.Rules {
					if strings.Contains(doc, r.Message) {
						refused = append(refused, "*"+r.Message+"*")
					}
				}
				rows[t.Name()] = []string{t.Name(), strings.Join(s.length(), ""), oneLine(beforeMarkers(doc)), strings.Join(refused, "; ")}
			}
		}
	}
	for _, k := range kinds {
		walk(k.schema, k.goType)
	}
	var sorted [][]string
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, rows[name])
	}
	return table([]string{"type", "length", "meaning", "refused with"}, sorted)
}

func columnTable(columns []column) string {
	var rows [][]string
	for _, c := range columns {
		wide := ""
		if c.Priority > 0 {
			wide = "with `-o wide`"
		}
		rows = append(rows, []string{strings.ToUpper(c.Name), "`" + strings.TrimPrefix(c.JSONPath, ".") + "`", wide})
	}
	return table([]string{"column", "from", ""}, rows)
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = "`" + s + "`"
	}
	return strings.Join(out, ", ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// slug is the anchor of a heading, as GitHub makes it.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}
