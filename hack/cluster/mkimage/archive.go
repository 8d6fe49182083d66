package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// descriptor points at a blob of the layout (OCI image specification, "Content Descriptors").
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// archive is an OCI image layout being written as a tar stream.
type archive struct {
	tw   *tar.Writer
	seen map[string]bool // digests already stored
}

func newArchive(w io.Writer) *archive {
	return &archive{tw: tar.NewWriter(w), seen: map[string]bool{}}
}

// add stores a file of the layout under its name.
func (a *archive) add(name string, data []byte) error {
	h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}
	if err := a.tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := a.tw.Write(data)
	return err
}

// blob stores data under its digest, once.
func (a *archive) blob(mediaType string, data []byte) (descriptor, error) {
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	d := descriptor{MediaType: mediaType, Digest: sum, Size: int64(len(data))}
	if a.seen[sum] {
		return d, nil
	}
	a.seen[sum] = true
	return d, a.add("blobs/sha256/"+strings.TrimPrefix(sum, "sha256:"), data)
}

// document stores v as JSON.
func (a *archive) document(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return a.blob(mediaType, data)
}

// finish writes the index, in which the manifest stands once for each name of the image; the
// annotation is where containerd's import reads a full image name from.
func (a *archive) finish(manifest descriptor, names []string) error {
	var entries []descriptor
	for _, name := range names {
		entry := manifest
		entry.Annotations = map[string]string{"io.containerd.image.name": name}
		entries = append(entries, entry)
	}
	data, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": entries})
	if err != nil {
		return err
	}
	if err := a.add("index.json", data); err != nil {
		return err
	}
	return a.tw.Close()
}
