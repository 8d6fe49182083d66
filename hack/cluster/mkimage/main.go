// Command mkimage writes a container image as an OCI layout in a tar file, with no registry, no
// daemon and nothing but the standard library; `ctr images import` reads the result.
//
// The same inputs give the same bytes: times and owners of what it packs itself are zero.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

// list collects a flag that may be given several times.
type list []string

// String joins the values, as flag.Value asks for.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value, as flag.Value asks for.
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// options are what the command line says about one image.
type options struct {
	out, entrypoint, command, user, workdir string
	names, layers, env                      list
	content                                 content
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mkimage: ")
	var o options
	flag.StringVar(&o.out, "o", "", "tar file to write")
	flag.Var(&o.names, "t", "full image name, e.g. docker.io/library/app:1 (repeat)")
	flag.StringVar(&o.entrypoint, "entrypoint", "", "JSON array")
	flag.StringVar(&o.command, "cmd", "", "JSON array")
	flag.StringVar(&o.user, "user", "", "user[:group]")
	flag.StringVar(&o.workdir, "workdir", "", "working directory")
	flag.Var(&o.layers, "layer", "uncompressed root file system tar (repeat)")
	flag.Var(&o.content.files, "file", "SRC:DST[:MODE] (repeat)")
	flag.Var(&o.content.links, "link", "TARGET:DST, a symbolic link (repeat)")
	flag.Var(&o.content.dirs, "dir", "DST[:MODE] (repeat)")
	flag.Var(&o.env, "env", "K=V (repeat)")
	flag.Parse()
	if o.out == "" || len(o.names) == 0 {
		log.Fatal("-o and -t are needed")
	}
	if err := write(o); err != nil {
		log.Fatal(err)
	}
}

// write makes the image beside its destination and then renames it, so that a file under the
// final name is always whole.
func write(o options) error {
	part := o.out + ".part"
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("create image: %w", err)
	}
	err = pack(newArchive(f), o)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write image %q: %w", o.names[0], err)
	}
	if err := os.Rename(part, o.out); err != nil {
		return fmt.Errorf("finish image: %w", err)
	}
	return nil
}

// pack writes the layers, the configuration, the manifest and the index, in this order.
func pack(a *archive, o options) error {
	if err := a.add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	var layers []descriptor
	var diffs []string
	push := func(raw []byte) error {
		d, err := a.blob("application/vnd.oci.image.layer.v1.tar", raw)
		layers, diffs = append(layers, d), append(diffs, d.Digest)
		return err
	}
	for _, name := range o.layers {
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := push(raw); err != nil {
			return err
		}
	}
	if !o.content.empty() {
		raw, err := o.content.layer()
		if err != nil {
			return err
		}
		if err := push(raw); err != nil {
			return err
		}
	}
	config, err := a.document("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
		"config": o.runtime(),
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return err
	}
	manifest, err := a.document("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": layers,
	})
	if err != nil {
		return err
	}
	return a.finish(manifest, o.names)
}

// runtime is the part of the configuration that a container is started with.
func (o options) runtime() map[string]any {
	c := map[string]any{"Env": o.env}
	if !slices.ContainsFunc(o.env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
		c["Env"] = append(o.env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	for key, value := range map[string]string{"Entrypoint": o.entrypoint, "Cmd": o.command} {
		if value != "" {
			c[key] = json.RawMessage(value)
		}
	}
	for key, value := range map[string]string{"User": o.user, "WorkingDir": o.workdir} {
		if value != "" {
			c[key] = value
		}
	}
	return c
}
