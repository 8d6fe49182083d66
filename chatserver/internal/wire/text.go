package wire

import (
	"strconv"
	"unicode/utf8"
)

// maxPost bounds what a post's text and RTF take in XML, so that every message fits a document with its attributes.
const maxPost = MaxDocument - 6<<10

const replacement = "\uFFFD"

// escape gives what to write for r: in text ("" = itself) or in an attribute's value.
func escape(r rune, size int, attr bool) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '\r':
		return "&#xD;"
	case r == '\n' && attr:
		return "&#xA;"
	case r == '\t' && attr:
		return "&#x9;"
	case r == '"' && attr:
		return "&quot;"
	case r == utf8.RuneError && size == 1, r < ' ' && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
		return replacement
	}
	return ""
}

func appendEscaped(b []byte, s string, attr bool) []byte {
	done := 0
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if e := escape(r, size, attr); e != "" {
			b = append(append(b, s[done:i]...), e...)
			done = i + size
		}
		i += size
	}
	return append(b, s[done:]...)
}

func appendText(b []byte, s string) []byte { return appendEscaped(b, s, false) }

// appendAttr writes an attribute with a blank before it.
func appendAttr(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(appendEscaped(b, value, true), '"')
}

// appendOptional is appendAttr for a value that may be missing.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendAttr(b, name, value)
}

func appendNumber(b []byte, name string, value int64) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(strconv.AppendInt(b, value, 10), '"')
}

// escapedLen is the length of s as appendText writes it.
func escapedLen(s string) int {
	n := len(s)
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		if e := escape(r, size, false); e != "" {
			n += len(e) - size
		}
	}
	return n
}
