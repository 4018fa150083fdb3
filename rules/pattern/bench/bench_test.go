package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/rules/pattern"
)

func TestRun(t *testing.T) {
	patterns := [][]byte{[]byte(`{"a":[1]}`), []byte(`{"a":[{"numeric":["<",3]}]}`)}
	events := [][]byte{[]byte(`{"a":1}`), []byte(`{"a":2}`), []byte(` {"a":3}`)}
	result, err := Run(patterns, events, pattern.Options{}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if result.Matches != 3 || result.Patterns != 2 || result.Events != 3 {
		t.Errorf("got %+v; want 3 matches of 2 patterns and 3 events", result)
	}
	if result.EventsPerSecond <= 0 || result.JSONValidEventsPerSecond <= 0 || result.CompileSeconds <= 0 {
		t.Errorf("got %+v; want figures above nought", result)
	}
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"events_per_second", "json_valid_events_per_second", "matches", "compile_seconds", "heap_bytes"} {
		if !strings.Contains(string(text), `"`+name+`"`) {
			t.Errorf("%s has no %s", text, name)
		}
	}
}

func TestRunWithoutEvents(t *testing.T) {
	result, err := Run([][]byte{[]byte(`{"a":[1]}`)}, nil, pattern.Options{}, time.Millisecond)
	if err != nil || result.Matches != 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestRunNamesWhatIsWrong(t *testing.T) {
	good := [][]byte{[]byte(`{"a":[1]}`)}
	_, err := Run(append(good, []byte(`{"a":1}`)), good, pattern.Options{}, 0)
	if faulty := (*pattern.Error)(nil); !errors.As(err, &faulty) || !strings.HasPrefix(err.Error(), "pattern 2: ") {
		t.Errorf("got %v", err)
	}
	_, err = Run(good, append(good, []byte(`[]`)), pattern.Options{}, 0)
	if !errors.Is(err, pattern.ErrEvent) || !strings.HasPrefix(err.Error(), "event 2: ") {
		t.Errorf("got %v", err)
	}
}

// TestHundredThousandPatterns holds the bounds that a big set must keep: a second
// to compile and 150 MB (with room for slow machines in the time).
func TestHundredThousandPatterns(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("SKIPPED, not run: the bounds are those of a plain build")
	}
	tests := []struct{ name, pattern string }{
		{"ten fields", `{"source":["com.acme.shop%03[2]d"],"detail-type":["Order %[3]d"],"detail":{"field-%[4]d":["prod-%06[1]d"]}}`},
		{"a field each", `{"source":["com.acme.shop%03[2]d"],"detail-type":["Order %[3]d"],"detail":{"field-%[1]d":["prod-%06[1]d"]}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var patterns [][]byte
			for i := range 100_000 {
				patterns = append(patterns, fmt.Appendf(nil, test.pattern, i, i%200, i%50, i%10))
			}
			events := [][]byte{[]byte(`{"source":"com.acme.shop001","detail-type":"Order 1","detail":{"field-1":"prod-000001"}}`)}
			result, err := Run(patterns, events, pattern.Options{}, time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%.2f s, %d MB, %.0f events/s", result.CompileSeconds, result.HeapBytes>>20, result.EventsPerSecond)
			if result.Matches != 1 || result.HeapBytes > 150<<20 {
				t.Errorf("got %+v", result)
			}
		})
	}
}
