// Package transform turns an event into the body that a rule's target gets: a
// constant, one value of the event, a template filled with values of the event,
// or the result of an expression. It is pure: no I/O, no clock.
//
// The first three are EventBridge's Input, InputPath and InputTransformer. In
// one thing they differ from it on purpose: what is spliced into a template is
// escaped, so that a template that is JSON always renders to JSON.
package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"signalbox/event"
)

// The limits of the EventBridge API on what a target may carry, in bytes, and
// for MaxPaths in entries of an input_paths_map.
const (
	MaxInput    = 8192
	MaxTemplate = 8192
	MaxPath     = 256
	MaxPaths    = 100
)

// Spec is a transform as it is written in a rule file. At most one of Input,
// InputPath, InputTransformer and Transform may be set.
type Spec struct {
	// TargetID is the id of the target entry, for the texts of errors.
	TargetID string `yaml:"-"`
	// Input is a constant body, as JSON text.
	Input *string `yaml:"input"`
	// InputPath leads to the one value of the event that is the body.
	InputPath *string `yaml:"input_path"`
	// InputTransformer is a template filled with values of the event.
	InputTransformer *InputTransformer `yaml:"input_transformer"`
	// Transform is an expression in expr, whose result as JSON is the body.
	Transform *string `yaml:"transform"`
}

// InputTransformer is a template and the values that its placeholders stand for.
type InputTransformer struct {
	// InputPathsMap holds the path of the value of each placeholder.
	InputPathsMap map[string]string `yaml:"input_paths_map"`
	// InputTemplate is JSON, or lines of quoted text, with <placeholders>.
	InputTemplate string `yaml:"input_template"`
	// Compat is CompatRaw for EventBridge's splicing without escapes, or empty.
	Compat string `yaml:"compat"`
}

// CompatRaw splices values as EventBridge does, without escaping them. A
// template that is JSON may then render to something that is not: Apply answers
// such an event with ErrNotJSON.
const CompatRaw = "raw"

// ErrNotJSON is the error of a template that is JSON and rendered to something that is
// not, which only CompatRaw allows to happen.
var ErrNotJSON = errors.New("the rendered template is not valid JSON")

// ErrAbsent is the error of an event that has no value where input_path leads.
var ErrAbsent = errors.New("the event has no such value")

// Input is what a transform may use of one event.
type Input struct {
	// Envelope is the event in its canonical envelope, valid JSON.
	Envelope []byte
	// Event is the same event; only an expression reads it.
	Event    *event.Event
	RuleName string
	RuleARN  string
	// Ingested is when the router accepted the event.
	Ingested time.Time
}

// Transform is one compiled Spec, immutable, safe for concurrent use.
type Transform struct {
	renderer renderer
}

// renderer makes the body of one event.
type renderer interface {
	render(in Input) ([]byte, error)
}

// Compile checks a Spec and readies it for use. A Spec that asks for nothing
// gives a nil Transform: the event is to be delivered as it is. The error is of
// type Errors and holds all that is wrong.
func Compile(spec Spec) (*Transform, error) {
	if err := spec.onlyOne(); err != nil {
		return nil, err
	}
	var (
		r    renderer
		errs Errors
	)
	switch {
	case spec.Input != nil:
		r, errs = compileConstant(*spec.Input)
	case spec.InputPath != nil:
		r, errs = compileInputPath(*spec.InputPath)
	case spec.InputTransformer != nil:
		r, errs = compileTemplate(spec.TargetID, spec.InputTransformer)
	case spec.Transform != nil:
		r, errs = compileExpression(*spec.Transform)
	default:
		return nil, nil
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return &Transform{renderer: r}, nil
}

// Apply renders the body for one event. The result shares no memory with in,
// but may be shared by the results of other calls: it must not be changed. An
// error says which placeholder, path or place in an expression failed.
func (t *Transform) Apply(in Input) ([]byte, error) {
	return t.renderer.render(in)
}

// onlyOne reports every field that stands beside another one.
func (s *Spec) onlyOne() error {
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"input", s.Input != nil},
		{"input_path", s.InputPath != nil},
		{"input_transformer", s.InputTransformer != nil},
		{"transform", s.Transform != nil},
	} {
		if f.set {
			set = append(set, f.name)
		}
	}
	if len(set) < 2 {
		return nil
	}
	return Errors{{
		Path:   []any{set[1]},
		Reason: fmt.Sprintf("%s stands beside %s", set[1], set[0]),
		Hint:   "a target takes only one of input, input_path, input_transformer and transform",
	}}
}

// constant is a body that is the same for every event.
type constant []byte

func compileConstant(text string) (renderer, Errors) {
	if len(text) > MaxInput {
		return nil, Errors{{Path: []any{"input"}, Offset: MaxInput, Reason: tooLong(len(text), MaxInput)}}
	}
	if err := checkJSON([]byte(text)); err != nil {
		err.Path = []any{"input"}
		err.Hint = `input is JSON text: a string in it needs its own quotes, such as '"hello"'`
		return nil, Errors{err}
	}
	return constant(text), nil
}

func (c constant) render(Input) ([]byte, error) { return c, nil }

// inputPath is a body that is one value of the event.
type inputPath struct {
	text   string
	lookup *node
	spread *spread
}

func compileInputPath(text string) (renderer, Errors) {
	steps, err := parsePath(text)
	if err != nil {
		err.Path = []any{"input_path"}
		return nil, Errors{err}
	}
	root := &node{}
	path := splitPath(steps)
	root.add(path.steps, 0)
	return &inputPath{text: text, lookup: root, spread: path.spread}, nil
}

func (p *inputPath) render(in Input) ([]byte, error) {
	var found [1]span
	if err := p.lookup.find(in.Envelope, found[:]); err != nil {
		return nil, fmt.Errorf("input_path %s: %w", p.text, err)
	}
	if p.spread != nil {
		return p.spread.list(found[0].of(in.Envelope))
	}
	if !found[0].exists() {
		return nil, fmt.Errorf("input_path %s: %w", p.text, ErrAbsent)
	}
	return bytes.Clone(found[0].of(in.Envelope)), nil
}

// checkJSON returns where text stops being one JSON value in valid UTF-8; nil if it is one.
func checkJSON(text []byte) *Error {
	if !utf8.Valid(text) {
		return &Error{Reason: "not valid UTF-8"}
	}
	if json.Valid(text) {
		return nil
	}
	var (
		v      json.RawMessage
		syntax *json.SyntaxError
	)
	err := json.Unmarshal(text, &v)
	if !errors.As(err, &syntax) {
		return &Error{Reason: err.Error()}
	}
	// SyntaxError.Offset counts the bytes read, the faulty one among them.
	return &Error{Offset: max(0, int(syntax.Offset)-1), Reason: "not valid JSON: " + syntax.Error()}
}

func tooLong(n, limit int) string {
	return fmt.Sprintf("%d bytes long, over the limit of %d", n, limit)
}
