package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFieldsOfLogs holds the names of fields in log lines to one vocabulary: snake case, and for
// what lines are joined by, the names that docs/telemetry.md lists.
func TestFieldsOfLogs(t *testing.T) {
	field := regexp.MustCompile(`(?:^|[^.\w])zap\.[A-Z][A-Za-z0-9]*\("([^"]*)"`)
	form := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	instead := map[string]string{
		"event": "event_id", "id": "event_id, delivery_id or the id of what it is", "delivery": "delivery_id", "trace": "trace_id", "code": "error_code",
		"err": "error", "duration": "took", "letters": "dead_letters", "type_name": "detail_type", "lane": "target",
	}
	seen := map[string]bool{}
	must(t, filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range field.FindAllStringSubmatch(read(t, path), -1) {
			name := m[1]
			seen[name] = true
			if better := instead[name]; better != "" || !form.MatchString(name) {
				t.Errorf("%s: the field %q of a log line: write %s", path, name, better)
			}
		}
		return nil
	}))
	page := read(t, "../docs/telemetry.md")
	for _, name := range []string{"event_id", "delivery_id", "trace_id", "target", "rule", "bus", "source", "detail_type", "error", "error_code", "took"} {
		if !seen[name] || !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("%s: in a log line %t, and docs/telemetry.md must list it", name, seen[name])
		}
	}
}
