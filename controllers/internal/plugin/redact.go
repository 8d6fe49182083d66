package plugin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// A report leaves the hands of those who may read Secrets. What is taken out is told by the name under which it stands,
// and, wherever it stands, by its form. Better a word too many is taken out than one too few.
var (
	// secretName is what values are called that nobody else may see. Names of Secrets are no secrets.
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|token|kubeconfig|credential|authorization|private_?-?key|^ca\.key$|^tls\.key$|secret$|cnonce|^pgpass)`)
	// bodyName is what texts of messages would be called in a log. None are logged; nor is one to slip in later.
	bodyName = regexp.MustCompile(`(?i)^(body|text|rtf|html|plain|message_?(text|body)|raw|frame|envelope)$`)

	pem        = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	jwt        = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*`)
	userInfo   = regexp.MustCompile(`\b([a-z][a-z0-9+.-]*://[^\s:/@"']+):[^\s@"']+@`)
	bearer     = regexp.MustCompile(`(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9+/=._~-]{8,}`)
	assignment = regexp.MustCompile(`(?i)\b((?:[a-z]+[_-]?)?(?:password|passwd|passphrase|token|secret|client-key-data|apikey))(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s"',;&]+)`)
)

// redacted is what stands in place of what was taken out.
func redacted(s string) string { return fmt.Sprintf("[redacted, %d bytes]", len(s)) }

// redactText takes out of a text what is told by its form.
func redactText(s string) string {
	s = pem.ReplaceAllString(s, "[redacted private key]")
	s = jwt.ReplaceAllString(s, "[redacted token]")
	s = userInfo.ReplaceAllString(s, "$1:[redacted]@")
	s = bearer.ReplaceAllString(s, "$1 [redacted]")
	return assignment.ReplaceAllString(s, "$1$2[redacted]")
}

// redactString is redactText, with JSON inside of a string taken apart.
func redactString(s string) string {
	t := strings.TrimSpace(s)
	if strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[") {
		var v any
		if json.Unmarshal([]byte(t), &v) == nil {
			if b, err := json.Marshal(redactValue(v, false)); err == nil {
				return string(b)
			}
		}
	}
	return redactText(s)
}

// redactValue takes out of what was JSON; hide: everything below is called a secret.
func redactValue(v any, hide bool) any {
	switch v := v.(type) {
	case string:
		if hide && v != "" {
			return redacted(v)
		}
		return redactString(v)
	case []any:
		for i := range v {
			v[i] = redactValue(v[i], hide)
		}
		return v
	case map[string]any:
		return redactMap(v, hide)
	case int64, float64:
		if hide {
			return "[redacted]"
		}
	}
	return v
}

func redactMap(m map[string]any, hide bool) map[string]any {
	// An entry of a list of variables: what it is called stands beside its value.
	called, _ := m["name"].(string)
	for k, v := range m {
		_, isText := v.(string)
		secret := hide || secretName.MatchString(k) && !isReference(k) || k == "value" && secretName.MatchString(called)
		m[k] = redactValue(v, secret || isText && bodyName.MatchString(k))
	}
	return m
}

// isReference tells whether a field names a thing, such as secretName or kubeconfigSecretName, or is one of Kubernetes'
// own that mounts one.
func isReference(k string) bool {
	switch k {
	case "secret", "automountServiceAccountToken", "serviceAccountToken", "promotionTokenSet":
		return true
	}
	return strings.HasSuffix(k, "Name") || strings.HasSuffix(k, "Ref") || strings.HasSuffix(k, "Seconds")
}

// redactObject is an object without what says nothing to a reader, and without secrets.
func redactObject(o map[string]any) map[string]any {
	if meta, ok := o["metadata"].(map[string]any); ok {
		delete(meta, "managedFields")
		if a, ok := meta["annotations"].(map[string]any); ok {
			delete(a, "kubectl.kubernetes.io/last-applied-configuration")
		}
	}
	return redactMap(o, false)
}

// redactLog takes secrets out of a line of a log; lines of ours are JSON.
func redactLog(line string) string { return redactString(line) }
