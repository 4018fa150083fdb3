package targets

import (
	"context"
	"time"

	"signalbox/document"
)

// Batch is how the deliveries of a target are gathered into batches.
type Batch struct {
	// MaxEvents is how many deliveries one batch holds at the most.
	MaxEvents int `yaml:"max_events" min:"1" max:"10000"`
	// MaxBytes bounds the bodies of one batch. A delivery that is larger goes alone.
	MaxBytes document.Size `yaml:"max_bytes" min:"1KiB" max:"64MiB"`
	// MaxWait is how long the first delivery of a batch waits for others; with 0 a batch holds what is
	// there.
	MaxWait *time.Duration `yaml:"max_wait" min:"0s" max:"5m"`
}

// The bounds of what a configuration may ask for.
const (
	maxBatchEvents = 10_000
	minBatchBytes  = 1 << 10
	maxBatchBytes  = 64 << 20
	maxBatchWait   = 5 * time.Minute
	// batchConcurrency is how many batches are under way at once by default.
	batchConcurrency = 8
)

func (b *Batch) setDefaults() {
	SetDefault(&b.MaxEvents, 100)
	SetDefault(&b.MaxBytes, 1<<20)
	if b.MaxWait == nil {
		b.MaxWait = new(50 * time.Millisecond)
	}
}

func (v *Validation) batch(c *Config) {
	b := c.Batch
	if b == nil {
		return
	}
	if b.MaxEvents < 1 || b.MaxEvents > maxBatchEvents {
		v.Fail([]string{"batch", "max_events"}, "is %d: it must be from 1 to %d", b.MaxEvents, maxBatchEvents)
	}
	if b.MaxBytes < minBatchBytes || b.MaxBytes > maxBatchBytes {
		v.Fail([]string{"batch", "max_bytes"}, "is %s: it must be from 1KiB to 64MiB", b.MaxBytes)
	}
	if wait := *b.MaxWait; wait < 0 || wait > maxBatchWait {
		v.Fail([]string{"batch", "max_wait"}, "is %s: it must be from 0s to 5m", document.FormatDuration(wait))
	}
}

// BatchTarget is a Target that can take several deliveries at once.
type BatchTarget interface {
	Target
	// DeliverBatch makes one attempt to hand over all of a batch, which may
	// share one (Config.SameBatch). What came of a delivery is its error in each; where that is nil,
	// or each is, it is whole. All errors are, or wrap, an *Error. Where whole is
	// final, one delivery may have cost the others theirs, and the same batch in
	// parts may be taken.
	DeliverBatch(ctx context.Context, batch []*Delivery) (each []error, whole error)
}

// Batching returns how the deliveries of the target are gathered; nil where each is
// sent alone.
func (c *Config) Batching() *Batch {
	if c.Batch != nil {
		return c.Batch
	}
	return c.Traits().Gather
}

// SameBatch reports whether two deliveries to the target may share a batch.
func (c *Config) SameBatch(a, b *Delivery) bool {
	s, ok := c.Options.(Sharer)
	return !ok || s.SameBatch(a, b)
}

// Alone returns what came of a batch of one.
func Alone(each []error, whole error) error {
	if whole == nil && each != nil {
		return each[0]
	}
	return whole
}

// Note puts the error of one delivery into each, which is made when there is one.
func Note(each []error, n, i int, err error) []error {
	if each == nil && err != nil {
		each = make([]error, n)
	}
	if err != nil {
		each[i] = err
	}
	return each
}
