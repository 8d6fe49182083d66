package integrations

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

// health runs a script as Argo CD does: with the base and the table library alone, the object as obj, and what is returned
// as the answer.
func health(t *testing.T, script string, o map[string]any) (status, message string) {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(lib.open), Protect: true}, lua.LString(lib.name)); err != nil {
			t.Fatal(err)
		}
	}
	l.SetGlobal("obj", luaValue(l, o))
	if err := l.DoString(script); err != nil {
		t.Fatalf("the script ends with: %v", err)
	}
	got, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %v", l.Get(-1))
	}
	return lua.LVAsString(got.RawGetString("status")), lua.LVAsString(got.RawGetString("message"))
}

func luaValue(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case []any:
		t := l.NewTable()
		for _, e := range v {
			t.Append(luaValue(l, e))
		}
		return t
	case map[string]any:
		t := l.NewTable()
		for k, e := range v {
			t.RawSetString(k, luaValue(l, e))
		}
		return t
	}
	return lua.LNil
}

func script(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "config/gitops/health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestArgoCDReadsAChatPoolAtEveryStep(t *testing.T) {
	s := script(t)
	for name, c := range cases(t) {
		t.Run(name, func(t *testing.T) {
			got, message := health(t, s, c.object)
			if got != c.want.argo || message == "" {
				t.Errorf("Argo CD says %s (%s), want %s", got, message, c.want.argo)
			}
		})
	}
}

func TestArgoCDSaysWhatIsWorthReading(t *testing.T) {
	all, s := pools(t), script(t)
	for name, says := range map[string]string{
		"home-serves":                      "all is well",
		"home-waits-for-proof":             "kubectl chatpool activate trading --epoch 3",
		"backup-bare-flip-and-home-silent": "ForceRefused: home silent for 41s; at most 1.0 s / 120 B would be lost; to go on: kubectl chatpool failover trading --confirm 2",
	} {
		if _, got := health(t, s, all[name]); !strings.Contains(got, says) {
			t.Errorf("%s: want %q in %q", name, says, got)
		}
	}
	behind := all["backup-follows"]
	for _, c := range conditions(behind) {
		if c["type"] == "FailoverReady" {
			c["status"], c["message"] = "False", "at most 90.0 s would be lost"
		}
	}
	if status, got := health(t, s, behind); status != "Healthy" || got != "FailoverReady: at most 90.0 s would be lost" {
		t.Errorf("%s: %s", status, got)
	}
}

func TestArgoCDReadsAnObjectThatIsNew(t *testing.T) {
	for name, o := range map[string]map[string]any{
		"without a status":     {"metadata": map[string]any{"generation": int64(1)}},
		"without a condition":  {"metadata": map[string]any{}, "status": map[string]any{"site": "home"}},
		"without Ready as yet": {"metadata": map[string]any{}, "status": map[string]any{"conditions": []any{map[string]any{"type": "Serving", "status": "True"}}}},
	} {
		if got, _ := health(t, script(t), o); got != "Progressing" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The ConfigMap has the script, for each kind.
func TestTheConfigMapHasTheScript(t *testing.T) {
	data := load(t, filepath.Join(root, "config/gitops/argocd-cm.yaml"))["data"].(map[string]any)
	for _, kind := range []string{"ChatPool", "Category", "Room"} {
		if data["resource.customizations.health.chatpool.dev_"+kind] != script(t) {
			t.Errorf("the script for %s is not config/gitops/health.lua", kind)
		}
	}
	if len(data) != 3 {
		t.Errorf("it has %d entries", len(data))
	}
}

// What is ignored is what kubectl chatpool writes, and exists.
func TestIgnoredFieldsExist(t *testing.T) {
	app := load(t, filepath.Join(root, "config/gitops/argocd-application.yaml"))
	b, err := yaml.Marshal(app["spec"].(map[string]any)["ignoreDifferences"])
	if err != nil {
		t.Fatal(err)
	}
	crd := load(t, filepath.Join(root, "config/crd/chatpool.dev_chatpools.yaml"))
	version := crd["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
	schema := version["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
	n := 0
	for line := range strings.Lines(string(b)) {
		_, pointer, ok := strings.Cut(strings.TrimSpace(line), "- /")
		if !ok {
			continue
		}
		n++
		at := schema
		for _, field := range strings.Split(pointer, "/") {
			if at, ok = at["properties"].(map[string]any)[field].(map[string]any); !ok {
				t.Fatalf("%s: there is no %s", pointer, field)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d fields are ignored", n)
	}
}
