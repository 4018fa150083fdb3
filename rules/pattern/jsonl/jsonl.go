// Package jsonl matches many pairs of a pattern and an event that come one a
// line, for comparing this engine with another.
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"signalbox/rules/pattern"
)

// pair is one line. Pattern and Event keep their text, as the spelling of numbers
// matters. PatternRaw and EventRaw stand for them where the text is not valid
// JSON, and so must come inside a string.
type pair struct {
	Pattern    json.RawMessage `json:"pattern"`
	Event      json.RawMessage `json:"event"`
	PatternRaw *string         `json:"pattern_raw"`
	EventRaw   *string         `json:"event_raw"`
}

// Match reads lines such as {"pattern":{"a":[1]},"event":{"a":1}} and writes a
// line for each: true, false, or error: and what is wrong with the pattern, the
// event or the line. Empty lines are skipped. The error is one of reading or
// writing.
func Match(in io.Reader, out io.Writer, opts pattern.Options) error {
	r := bufio.NewReaderSize(in, 1<<16)
	w := bufio.NewWriter(out)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			fmt.Fprintln(w, verdict(line, opts))
		}
		switch {
		case errors.Is(err, io.EOF):
			return w.Flush()
		case err != nil:
			return errors.Join(fmt.Errorf("line %d: %w", n, err), w.Flush())
		}
	}
}

func verdict(line []byte, opts pattern.Options) string {
	matched, err := match(line, opts)
	switch {
	case err != nil:
		return "error: " + strings.NewReplacer("\n ", " ", "\n", " ").Replace(err.Error())
	case matched:
		return "true"
	}
	return "false"
}

func match(line []byte, opts pattern.Options) (bool, error) {
	var l pair
	if err := json.Unmarshal(line, &l); err != nil {
		return false, fmt.Errorf("line is not a JSON object with pattern and event: %w", err)
	}
	p, err := pattern.Parse(text(l.Pattern, l.PatternRaw), opts)
	if err != nil {
		return false, err
	}
	return p.Match(text(l.Event, l.EventRaw))
}

func text(plain json.RawMessage, raw *string) []byte {
	if raw != nil {
		return []byte(*raw)
	}
	return plain
}
