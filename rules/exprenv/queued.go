package exprenv

import "github.com/expr-lang/expr"

// Queued holds the names that an expression may use over a message of a broker.
type Queued struct {
	// Headers are by their names in lower case.
	Headers map[string]string `expr:"headers"`
	// Body is as Message.Body.
	Body any `expr:"body"`
	// Subject is where the broker had the message: a subject, a routing key, a stream.
	Subject string `expr:"subject"`
	// ID is what the message has in the broker; it may be empty.
	ID string `expr:"id"`

	meter
}

var ofQueued = language{&Queued{}, []string{"headers", "body", "subject", "id"}, true}

// QueuedProgram is a compiled expression over a Queued, immutable, safe for concurrent use.
type QueuedProgram struct{ p *Program }

var queuedMessages = newDialect(ofQueued, expr.AsAny(), expr.Patch(lowerNames{}))

// CompileQueued checks an expression against the names and types of Queued. The error is an
// *Error.
func CompileQueued(source string) (*QueuedProgram, error) {
	p, err := queuedMessages.compile(source)
	if err != nil {
		return nil, err
	}
	return &QueuedProgram{p}, nil
}

// Source is the text of the expression.
func (p *QueuedProgram) Source() string { return p.p.Source() }

// Run evaluates the expression for one message. The error is an *Error.
func (p *QueuedProgram) Run(q *Queued) (any, error) {
	if p.p.steps > 0 {
		own := *q
		own.meter = newMeter(p.p.steps)
		q = &own
	}
	return p.p.run(ofQueued, q)
}
