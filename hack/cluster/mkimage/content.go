package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// content is what the command line puts into a layer of its own, in the flags' notation.
type content struct {
	files list // SRC:DST[:MODE]
	links list // TARGET:DST
	dirs  list // DST[:MODE]
}

// item is one entry of the layer.
type item struct {
	header tar.Header
	data   []byte
}

func (c content) empty() bool { return len(c.files)+len(c.links)+len(c.dirs) == 0 }

// layer packs the content as a tar, sorted by name, so that each parent comes before its children.
func (c content) layer() ([]byte, error) {
	items := map[string]item{}
	for _, dir := range c.dirs {
		name, mode, _ := strings.Cut(dir, ":")
		perm, err := parseMode(mode, 0o755)
		if err != nil {
			return nil, fmt.Errorf("-dir %q: %w", dir, err)
		}
		put(items, item{header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: perm}})
	}
	for _, file := range c.files {
		it, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("-file %q: %w", file, err)
		}
		put(items, it)
	}
	for _, link := range c.links {
		target, name, ok := strings.Cut(link, ":")
		if !ok {
			return nil, fmt.Errorf("-link %q: want TARGET:DST", link)
		}
		put(items, item{header: tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}})
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(items)) {
		it := items[name]
		if err := tw.WriteHeader(&it.header); err != nil {
			return nil, err
		}
		if _, err := tw.Write(it.data); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// put adds an entry and the parents that it still lacks.
func put(items map[string]item, it item) {
	h := &it.header
	h.Name = strings.TrimPrefix(path.Clean(h.Name), "/")
	h.Size, h.Format, h.ModTime = int64(len(it.data)), tar.FormatPAX, time.Unix(0, 0)
	items[h.Name] = it
	parent := path.Dir(h.Name)
	if _, ok := items[parent]; !ok && parent != "." {
		put(items, item{header: tar.Header{Name: parent, Typeflag: tar.TypeDir, Mode: 0o755}})
	}
}

// readFile turns SRC:DST[:MODE] into an entry.
func readFile(spec string) (item, error) {
	parts := strings.Split(spec, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return item{}, fmt.Errorf("want SRC:DST[:MODE]")
	}
	info, err := os.Stat(parts[0])
	if err != nil {
		return item{}, err
	}
	data, err := os.ReadFile(parts[0])
	if err != nil {
		return item{}, err
	}
	perm, err := parseMode(strings.Join(parts[2:], ""), info.Mode())
	if err != nil {
		return item{}, err
	}
	return item{header: tar.Header{Name: parts[1], Typeflag: tar.TypeReg, Mode: perm}, data: data}, nil
}

// parseMode reads an octal mode; none means the default.
func parseMode(s string, missing fs.FileMode) (int64, error) {
	if s == "" {
		return int64(missing.Perm()), nil
	}
	return strconv.ParseInt(s, 8, 32)
}
