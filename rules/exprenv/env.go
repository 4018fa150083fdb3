// Package exprenv is the event as expressions see it: the names that a rule's
// when and a target's transform may use, their types, and how to run them. It
// is pure: an expression sees one event and no clock, so that it gives the same
// result in a dry run, a replay and a test.
package exprenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"signalbox/event"
)

// Env holds the names that an expression may use. An expression that uses
// another name does not compile.
type Env struct {
	ID         string    `expr:"id"`
	DetailType string    `expr:"detail_type"`
	Source     string    `expr:"source"`
	Account    string    `expr:"account"`
	Time       time.Time `expr:"time"`
	Region     string    `expr:"region"`
	Resources  []string  `expr:"resources"`
	ReplayName string    `expr:"replay_name"`
	// Detail is the event's detail. A number in it is an int where it is written
	// without point and exponent and fits in 64 bits, and else a float64.
	Detail map[string]any `expr:"detail"`
	// Metadata is what the router knows of the event besides its envelope.
	Metadata Metadata `expr:"metadata"`

	// meter is set where an expression pays for its work.
	meter
}

// Metadata is the part of an event's metadata that expressions may use.
type Metadata struct {
	Bus           string    `expr:"bus"`
	Received      time.Time `expr:"received"`
	Synthetic     bool      `expr:"synthetic"`
	Kind          string    `expr:"kind"`
	SchemaVersion string    `expr:"schema_version"`
	CorrelationID string    `expr:"correlation_id"`
	CausationID   string    `expr:"causation_id"`
	TraceParent   string    `expr:"trace_parent"`
	DedupKey      string    `expr:"dedup_key"`
	PartitionKey  string    `expr:"partition_key"`
	Hops          int       `expr:"hops"`
	Format        string    `expr:"format"`
}

// New decodes an event for expressions. One Env serves any number of them, also
// at the same time. The error says that the detail is not a JSON object, or
// holds a number beyond a float64.
func New(ev *event.Event) (*Env, error) {
	detail, err := decodeDetail(ev.Detail)
	if err != nil {
		return nil, fmt.Errorf("detail: %w", err)
	}
	m := &ev.Meta
	return &Env{
		ID:         ev.ID,
		DetailType: ev.DetailType,
		Source:     ev.Source,
		Account:    ev.Account,
		Time:       ev.Time,
		Region:     ev.Region,
		Resources:  ev.Resources,
		ReplayName: ev.ReplayName,
		Detail:     detail,
		Metadata: Metadata{
			Bus:           m.Bus,
			Received:      m.Received,
			Synthetic:     m.Synthetic,
			Kind:          string(m.Kind),
			SchemaVersion: m.SchemaVersion,
			CorrelationID: m.CorrelationID,
			CausationID:   m.CausationID,
			TraceParent:   m.TraceParent,
			DedupKey:      m.DedupKey,
			PartitionKey:  m.PartitionKey,
			Hops:          m.Hops,
			Format:        m.Format,
		},
	}, nil
}

func decodeDetail(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var detail map[string]any
	if err := dec.Decode(&detail); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the object")
	}
	for key, value := range detail {
		plain, err := plainNumbers(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		detail[key] = plain
	}
	return detail, nil
}

// plainNumbers replaces the numbers in a decoded value by ones that expressions
// can reckon with. It changes maps and slices in place.
func plainNumbers(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		return plainNumber(string(v))
	case []any:
		for i := range v {
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = plainNumbers(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func plainNumber(text string) (any, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %.40s is beyond the range of expressions", text)
	}
	return f, nil
}
