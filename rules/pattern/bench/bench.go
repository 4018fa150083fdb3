// Package bench measures what patterns cost: how many events a second one core
// matches against them, and what they take to compile and to hold.
package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"signalbox/rules/pattern"
)

// Result is what a run has measured.
type Result struct {
	// EventsPerSecond is how many events one core matches against all patterns.
	EventsPerSecond float64 `json:"events_per_second"`
	// JSONValidEventsPerSecond is the same for encoding/json.Valid on the same
	// events in the same run: a yardstick that moves with the machine.
	JSONValidEventsPerSecond float64 `json:"json_valid_events_per_second"`
	// Matches is how many pairs of a pattern and an event match, once through all
	// events.
	Matches int `json:"matches"`
	// CompileSeconds is how long reading and compiling the patterns took.
	CompileSeconds float64 `json:"compile_seconds"`
	// HeapBytes is the memory that the patterns and their set hold.
	HeapBytes uint64 `json:"heap_bytes"`
	Patterns  int    `json:"patterns"`
	Events    int    `json:"events"`
}

// Run parses and compiles the patterns, matches every event against them over and
// over for about the given time (at least once through), and says what it took.
// It works on one core; the caller should leave the others alone as well. An
// event that is not a JSON object, or a pattern that is not valid, is an error
// that names its number, counted from 1.
func Run(patterns, events [][]byte, opts pattern.Options, duration time.Duration) (Result, error) {
	for i, event := range events {
		if trimmed := bytes.TrimLeft(event, " \t\r\n"); !json.Valid(event) || trimmed[0] != '{' {
			return Result{}, fmt.Errorf("event %d: %w", i+1, pattern.ErrEvent)
		}
	}
	before := heap()
	start := time.Now()
	set, err := compile(patterns, opts)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		CompileSeconds: time.Since(start).Seconds(),
		HeapBytes:      max(heap(), before) - before,
		Patterns:       len(patterns),
		Events:         len(events),
	}
	var dst []int
	for _, event := range events {
		dst = set.Match(event, dst[:0])
		result.Matches += len(dst)
	}
	if len(events) > 0 {
		measure(&result, set, events, duration)
	}
	runtime.KeepAlive(set)
	return result, nil
}

func compile(sources [][]byte, opts pattern.Options) (*pattern.Set, error) {
	list := make([]*pattern.Pattern, len(sources))
	for i, src := range sources {
		p, err := pattern.Parse(src, opts)
		if err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i+1, err)
		}
		list[i] = p
	}
	return pattern.Compile(list)
}

// heap is the memory in use after everything that can go has gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// turn is how long the measured code and the yardstick run before they change
// places, so that a machine that slows down slows both.
const turn = 20 * time.Millisecond

func measure(result *Result, set *pattern.Set, events [][]byte, duration time.Duration) {
	var dst []int
	matching := stopwatch{events: events, do: func(event []byte) { dst = set.Match(event, dst[:0]) }}
	validating := stopwatch{events: events, do: func(event []byte) { json.Valid(event) }}
	for matching.spent+validating.spent < duration || matching.done < len(events) {
		matching.run()
		validating.run()
	}
	result.EventsPerSecond = matching.rate()
	result.JSONValidEventsPerSecond = validating.rate()
}

// stopwatch does something with events, in turns, and counts.
type stopwatch struct {
	events [][]byte
	do     func(event []byte)
	done   int
	spent  time.Duration
}

func (s *stopwatch) run() {
	const batch = 64 // events between two looks at the clock
	for start := time.Now(); ; {
		for range batch {
			s.do(s.events[s.done%len(s.events)])
			s.done++
		}
		if passed := time.Since(start); passed >= turn {
			s.spent += passed
			return
		}
	}
}

func (s *stopwatch) rate() float64 { return float64(s.done) / s.spent.Seconds() }

// ReadLines reads what lies one a line, leaving out empty lines.
func ReadLines(r io.Reader) ([][]byte, error) {
	var lines [][]byte
	buffered := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := buffered.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
		switch err {
		case nil:
		case io.EOF:
			return lines, nil
		default:
			return nil, fmt.Errorf("line %d: %w", len(lines)+1, err)
		}
	}
}
