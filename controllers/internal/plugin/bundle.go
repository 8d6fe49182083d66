package plugin

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// bundle is a .tar.gz in the making. The first error of writing is kept for close.
type bundle struct {
	folder  string
	at      time.Time
	gz      *gzip.Writer
	tar     *tar.Writer
	err     error
	missing []string
}

func newBundle(to io.Writer, folder string, at time.Time) *bundle {
	gz := gzip.NewWriter(to)
	return &bundle{folder: folder, at: at, gz: gz, tar: tar.NewWriter(gz)}
}

// add writes a file.
func (b *bundle) add(name, text string) {
	if b.err != nil {
		return
	}
	h := &tar.Header{Name: b.folder + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: b.at, Typeflag: tar.TypeReg}
	if b.err = b.tar.WriteHeader(h); b.err == nil {
		_, b.err = io.WriteString(b.tar, text)
	}
}

// miss notes what could not be read.
func (b *bundle) miss(format string, args ...any) {
	b.missing = append(b.missing, redactText(fmt.Sprintf(format, args...)))
}

func (b *bundle) close() error { return errors.Join(b.err, b.tar.Close(), b.gz.Close()) }
