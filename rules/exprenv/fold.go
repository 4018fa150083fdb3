package exprenv

import (
	"github.com/expr-lang/expr"

	"signalbox/event"
)

// fold holds the names that a fold may use: the state of an object, and the event that changes it.
type fold struct {
	// State is nil before the first event, and where the object was gone. It has the numbers of
	// Env.Detail.
	State any  `expr:"state"`
	Event *Env `expr:"event"`

	meter
}

var ofFolds = language{&fold{}, []string{"state", "event"}, false}

// FoldProgram is a compiled expression that makes an object's next state of its state and an
// event, immutable, safe for concurrent use.
type FoldProgram struct{ p *Program }

var folds = newDialect(ofFolds, expr.AsAny())

// CompileFold checks an expression against the names state and event, which has the names of Env. The
// error is an *Error.
func CompileFold(source string) (*FoldProgram, error) {
	p, err := folds.compile(source)
	if err != nil {
		return nil, err
	}
	return &FoldProgram{p}, nil
}

// Source is the text of the expression.
func (p *FoldProgram) Source() string { return p.p.Source() }

// Run evaluates the expression for a state, which is a value of DecodeJSON, and an event. An
// error of the expression is an *Error.
func (p *FoldProgram) Run(state any, e *event.Event) (any, error) {
	env, err := New(e)
	if err != nil {
		return nil, err
	}
	in := &fold{State: state, Event: env}
	if p.p.steps > 0 {
		in.meter = newMeter(p.p.steps)
	}
	return p.p.run(ofFolds, in)
}
