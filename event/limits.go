package event

import "cmp"

// Limits bound what a decoder takes. A zero field stands for its default.
type Limits struct {
	// MaxEntries is the most events in one request; 10 for PutEvents, as
	// EventBridge has it, and DefaultMaxBatch for the other forms.
	MaxEntries int
	// MaxSize is the most bytes in the entries of one PutEvents request, counted
	// as EventBridge counts them; 1 MiB. The other forms are bounded by their
	// body alone.
	MaxSize int
	// MaxDepth is how deeply a detail may nest; DefaultMaxDepth.
	MaxDepth int
}

// The defaults of Limits.
const (
	DefaultMaxPutEntries = 10
	DefaultMaxBatch      = 1000
	DefaultMaxSize       = 1 << 20
	DefaultMaxDepth      = 1000
)

func (l Limits) depth() int    { return cmp.Or(l.MaxDepth, DefaultMaxDepth) }
func (l Limits) size() int     { return cmp.Or(l.MaxSize, DefaultMaxSize) }
func (l Limits) putCount() int { return cmp.Or(l.MaxEntries, DefaultMaxPutEntries) }
func (l Limits) batch() int    { return cmp.Or(l.MaxEntries, DefaultMaxBatch) }

// Batch is what a request holds, in its order.
type Batch struct {
	// Events has nil in the place of an event that is refused.
	Events []*Event
	// Refused is nil when no event is refused; else it is as long as Events, and
	// says why for those that are.
	Refused []*Error
}

// refuse notes why the event of index i is refused.
func (b *Batch) refuse(i int, err *Error) {
	for len(b.Refused) < max(i+1, len(b.Events)) {
		b.Refused = append(b.Refused, nil)
	}
	b.Refused[i] = err
}
