// Package playground tries a rule that is not in use with an event: whether it matches, why not,
// and what a target would be sent.
package playground

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/explain"
	"signalbox/rules/pattern"
	"signalbox/rules/transform"
)

// Trial is an event, and a rule as it would stand in a file.
type Trial struct {
	// Event is one in any form that is taken in as JSON.
	Event json.RawMessage `json:"event"`
	// Name is the rule's; Pattern, When and Transform are its keys. An empty Transform sends
	// the event as it is.
	Name      string          `json:"name,omitempty"`
	Pattern   json.RawMessage `json:"pattern"`
	When      string          `json:"when,omitempty"`
	Transform string          `json:"transform,omitempty"`
}

// Result is what came of a Trial.
type Result struct {
	// Problems are the faults of the rule, one each; nothing was tried where there are any.
	Problems []string `json:"problems,omitempty"`
	// Event is the envelope that was matched.
	Event   json.RawMessage `json:"event,omitempty"`
	Matched bool            `json:"matched"`
	// Failures are what of the pattern the event does not meet, Notes what else keeps the rule
	// from matching.
	Failures []pattern.Failure `json:"failures,omitempty"`
	Notes    []string          `json:"notes,omitempty"`
	// Body is what a target would be sent, where the rule matches; BodyError is why it can't
	// be made.
	Body      string `json:"body,omitempty"`
	BodyError string `json:"body_error,omitempty"`
	// Test is a rule test that expects what came of it, as YAML.
	Test string `json:"test,omitempty"`
}

const (
	defaultName = "my-rule"
	targetName  = "my-target"
)

// Run tries a rule. An error is about the event.
func Run(t Trial, d event.Defaults) (Result, error) {
	if t.Name == "" {
		t.Name = defaultName
	}
	set, problems := t.load()
	if len(problems) > 0 {
		return Result{Problems: problems}, nil
	}
	d.Bus = rules.DefaultBus
	e, envelope, err := explain.Read(set, t.Event, d)
	if err != nil {
		return Result{}, err
	}
	e.Meta.Bus = rules.DefaultBus
	x, err := explain.Event(set, e, envelope)
	if err != nil {
		return Result{}, err
	}
	r := Result{Event: x.Event, Matched: len(x.Matched) == 1}
	if !r.Matched {
		r.Failures, r.Notes = x.Unmatched[0].Failures, x.Unmatched[0].Notes
	} else {
		r.send(set, e, envelope)
	}
	r.Test, err = t.test(&r)
	return r, err
}

// load makes a set of the rule alone.
func (t *Trial) load() (*rules.Set, []string) {
	target := map[string]any{"target": targetName}
	if t.Transform != "" {
		target["transform"] = t.Transform
	}
	rule := map[string]any{"name": t.Name, "pattern": t.Pattern, "targets": []any{target}}
	if t.When != "" {
		rule["when"] = t.When
	}
	text, err := json.Marshal(map[string]any{"targets": map[string]any{targetName: map[string]string{"type": "log", "to": "stdout"}}, "rules": []any{rule}})
	if err != nil {
		return nil, []string{"pattern: " + err.Error()}
	}
	set, err := rules.Load(rules.Source{Others: []rules.Documents{{Name: "playground", Read: func() ([]rules.Document, error) {
		return []rules.Document{{Path: "rule.json", Text: text}}, nil
	}}}})
	if err != nil {
		return nil, faults(err)
	}
	return set, nil
}

// faults are the problems of a rule, without places in a file that nobody sees.
func faults(err error) (texts []string) {
	var all document.Errors
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	for _, p := range all {
		shown := *p
		shown.Pos = document.Position{}
		texts = append(texts, shown.Error())
	}
	return texts
}

// send makes the body.
func (r *Result) send(set *rules.Set, e *event.Event, envelope []byte) {
	rule := set.Rules[0]
	made := rule.Targets[0].Transform
	if made == nil {
		r.Body = string(envelope)
		return
	}
	body, err := made.Apply(transform.Input{Envelope: envelope, Event: e, RuleName: rule.Name, RuleARN: rule.ARN, Ingested: e.Meta.Received})
	if err != nil {
		r.BodyError = err.Error()
		return
	}
	r.Body = string(body)
}

// test returns the rule test.
func (t *Trial) test(r *Result) (string, error) {
	expected := yaml.MapSlice{{Key: "rules", Value: []string{}}}
	name := "does not match " + t.Name
	if r.Matched {
		name = "matches " + t.Name
		expected[0].Value = []string{t.Name}
		if t.Transform != "" && r.BodyError == "" {
			body, err := ordered([]byte(r.Body))
			if err != nil {
				return "", fmt.Errorf("body: %w", err)
			}
			expected = append(expected, yaml.MapItem{Key: "bodies", Value: yaml.MapSlice{{Key: t.Name + "/" + targetName, Value: body}}})
		}
	}
	given, err := ordered(t.Event)
	if err != nil {
		return "", fmt.Errorf("event: %w", err)
	}
	text, err := yaml.MarshalWithOptions(yaml.MapSlice{{Key: "tests", Value: []any{
		yaml.MapSlice{{Key: "name", Value: name}, {Key: "event", Value: given}, {Key: "expect", Value: expected}},
	}}}, yaml.IndentSequence(true))
	return strings.TrimRight(string(text), "\n") + "\n", err
}

// ordered reads JSON, and keeps the order of members.
func ordered(text []byte) (value any, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(text), yaml.UseOrderedMap())
	return value, dec.Decode(&value)
}
