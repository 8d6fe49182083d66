package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// untar reads a whole tar archive into memory.
func untar(t *testing.T, data []byte) (map[string][]byte, []tar.Header) {
	t.Helper()
	files := map[string][]byte{}
	var headers []tar.Header
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, headers
		}
		if err != nil {
			t.Fatalf("read archive: %v", err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatalf("read %q: %v", h.Name, err)
		}
		files[h.Name] = body
		headers = append(headers, *h)
	}
}

// image builds a small image and returns its bytes.
func image(t *testing.T, names ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options{
		out: filepath.Join(dir, "image.tar"), names: names, user: "65532:65532", entrypoint: `["/bin/program"]`,
		content: content{
			files: list{program + ":/bin/program:0755"},
			links: list{"program:/bin/alias"},
			dirs:  list{"/tmp:1777"},
		},
	}
	if err := write(o); err != nil {
		t.Fatalf("write: %v", err)
	}
	data, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTheIndexLeadsToTheContentUnderEachName(t *testing.T) {
	files, _ := untar(t, image(t, "example.com/app:1", "example.com/app:1.2"))
	var index, manifest struct {
		Manifests, Layers []descriptor
	}
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 2 {
		t.Fatalf("got %d manifests, want one for each of 2 names", len(index.Manifests))
	}
	for i, want := range []string{"example.com/app:1", "example.com/app:1.2"} {
		if got := index.Manifests[i].Annotations["io.containerd.image.name"]; got != want {
			t.Errorf("name %d: got %q, want %q", i, got, want)
		}
	}
	blob := func(d descriptor) []byte { return files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")] }
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil {
		t.Fatal(err)
	}
	content, headers := untar(t, blob(manifest.Layers[0]))
	if got := string(content["bin/program"]); got != "content" {
		t.Errorf("bin/program holds %q", got)
	}
	var order []string
	for _, h := range headers {
		order = append(order, h.Name)
		if h.Name == "bin/program" && h.Mode != 0o755 {
			t.Errorf("bin/program has mode %o, want 755", h.Mode)
		}
	}
	if got, want := strings.Join(order, " "), "bin bin/alias bin/program tmp"; got != want {
		t.Errorf("order: got %q, want %q (parents first)", got, want)
	}
}

func TestTheSameInputsGiveTheSameBytes(t *testing.T) {
	if !bytes.Equal(image(t, "example.com/app:1"), image(t, "example.com/app:1")) {
		t.Error("two images of the same inputs differ")
	}
}

func TestAWrongFlagIsNamed(t *testing.T) {
	for name, c := range map[string]content{
		"a file without a destination": {files: list{"only-source"}},
		"a file that does not exist":   {files: list{"/does/not/exist:/x"}},
		"a mode that is not octal":     {dirs: list{"/x:9"}},
		"a link without a name":        {links: list{"target"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.layer(); err == nil || !strings.HasPrefix(err.Error(), "-") {
				t.Errorf("got %v, want an error that begins with the flag", err)
			}
		})
	}
}
