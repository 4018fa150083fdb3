package pattern

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is a pattern, an event, and what the reference says of them.
type vector struct {
	ID          string
	Op          string
	Pattern     json.RawMessage
	PatternRaw  *string `json:"pattern_raw"`
	Event       json.RawMessage
	EventRaw    *string `json:"event_raw"`
	Match       bool
	Error       bool
	ErrorMsg    string `json:"error_msg"`
	StrictError bool   `json:"strict_error"`
}

func (v *vector) texts() (pattern, event []byte) {
	pattern, event = v.Pattern, v.Event
	if v.PatternRaw != nil {
		pattern = []byte(*v.PatternRaw)
	}
	if v.EventRaw != nil {
		event = []byte(*v.EventRaw)
	}
	return pattern, event
}

// deviations are the vectors on which the reference is wrong, each with the
// section of docs/patterns.md that says why.
var deviations = map[string]string{
	"p00121": "an empty list inside anything-but",
	"p00955": "an empty list inside anything-but",
	"p00853": "IP networks across families",
	"p00942": "IP networks across families",
	"p00855": "quotes at the edge of a text",
	"p01201": "case of characters beyond U+FFFF",
	"p01325": "case of characters beyond U+FFFF",
	"p01862": "case of characters beyond U+FFFF",
	"p02331": "case of characters beyond U+FFFF",
	"p02718": "case of characters beyond U+FFFF",
	"p02722": "case of characters beyond U+FFFF",
	"p02798": "case of characters beyond U+FFFF",
	"p02945": "case of characters beyond U+FFFF",
	"p01864": "text after the pattern",
	"p02766": "text after the pattern",
	"p03352": "text after the pattern",
}

func readVectors(t testing.TB, file string) []vector {
	f, err := os.Open(file)
	if err != nil {
		t.Skipf("SKIPPED, not run: %v", err)
	}
	defer f.Close()
	var vectors []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// sharedFile is the path of a file that is not part of the repository.
func sharedFile(variable string, path ...string) string {
	if dir := os.Getenv(variable); dir != "" {
		return filepath.Join(dir, path[len(path)-1])
	}
	return filepath.Join(append([]string{"..", "..", "..", "shared"}, path...)...)
}

func TestVectors(t *testing.T) { testVectors(t, "testdata/vectors.jsonl") }

// TestReferenceUnitVectors runs the pairs of the reference's own unit tests,
// which are not part of this repository: SIGNALBOX_VECTORS names their directory.
func TestReferenceUnitVectors(t *testing.T) {
	testVectors(t, sharedFile("SIGNALBOX_VECTORS", "vectors", "event-ruler-unit.jsonl"))
}

func testVectors(t *testing.T, file string) {
	for _, v := range readVectors(t, file) {
		src, event := v.texts()
		got, err := matchTexts(src, event)
		why, deviates := deviations[v.ID]
		switch agrees := (err != nil) == v.Error && got == v.Match; {
		case !agrees && !deviates:
			t.Errorf("%s %s: pattern %s event %s: got %v, %v; the reference says %v, error %v %s",
				v.ID, v.Op, src, event, got, err, v.Match, v.Error, v.ErrorMsg)
		case agrees && deviates:
			t.Errorf("%s is listed as a deviation (%s), but agrees", v.ID, why)
		}
		if _, err := Parse(src, Options{Strict: true}); v.StrictError && err == nil {
			t.Errorf("%s: pattern %s is not an error when strict", v.ID, src)
		}
	}
}

func matchTexts(src, event []byte) (bool, error) {
	p, err := Parse(src, Options{})
	if err != nil {
		return false, err
	}
	return p.Match(event)
}
