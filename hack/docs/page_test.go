package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// doc is a page of the documentation.
type doc struct {
	path string // from the repository's top
	text string
	// code are the page's code spans and the lines of its code blocks.
	code []string
	// blocks are its fenced blocks, by their language.
	blocks []block
	// anchors are those of its headings.
	anchors map[string]bool
}

type block struct{ language, text string }

var (
	fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	span  = regexp.MustCompile("`([^`\n]+)`")
)

// pages reads the README and docs/.
func pages(t *testing.T) []doc {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("docs/*.md: %d pages, %v", len(paths), err)
	}
	var out []doc
	for _, p := range append(paths, filepath.Join(root, "README.md")) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, read(rel, string(b)))
	}
	return out
}

func read(path, text string) doc {
	d := doc{path: path, text: text, anchors: map[string]bool{}}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		d.blocks = append(d.blocks, block{m[1], m[2]})
		d.code = append(d.code, strings.Split(m[2], "\n")...)
	}
	text = fence.ReplaceAllString(text, "")
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "    "):
			d.code = append(d.code, strings.TrimSpace(line))
		case strings.HasPrefix(line, "#"):
			d.anchors[slug(strings.TrimLeft(line, "# "))] = true
		}
		for _, m := range span.FindAllStringSubmatch(line, -1) {
			d.code = append(d.code, m[1])
		}
	}
	return d
}

// each runs a check on every match of a pattern in the code of every page.
func each(t *testing.T, pattern string, check func(d doc, m []string)) {
	t.Helper()
	re, n := regexp.MustCompile(pattern), 0
	for _, d := range pages(t) {
		for _, c := range d.code {
			for _, m := range re.FindAllStringSubmatch(c, -1) {
				n++
				check(d, m)
			}
		}
	}
	if n == 0 {
		t.Errorf("nothing in the documentation matches %s: the test tests nothing", pattern)
	}
}

func source(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
