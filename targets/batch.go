package targets

import (
	"context"
	"time"

	"signalbox/document"
)

// Batch says how the deliveries of a target are gathered into batches.
type Batch struct {
	// MaxEvents is how many deliveries one batch holds at the most, 100 by default.
	MaxEvents int `yaml:"max_events"`
	// MaxBytes bounds the bodies of one batch, 1 MiB by default. A delivery that
	// is larger goes alone.
	MaxBytes document.Size `yaml:"max_bytes"`
	// MaxWait is how long the first delivery of a batch waits for others, 50 ms by
	// default; with 0 a batch holds what is there.
	MaxWait *time.Duration `yaml:"max_wait"`
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
	setDefault(&b.MaxEvents, 100)
	setDefault(&b.MaxBytes, 1<<20)
	if b.MaxWait == nil {
		b.MaxWait = new(50 * time.Millisecond)
	}
}

func (v *validation) batch(c *Config) {
	b := c.Batch
	if b == nil {
		return
	}
	if b.MaxEvents < 1 || b.MaxEvents > maxBatchEvents {
		v.fail([]string{"batch", "max_events"}, "is %d: it must be from 1 to %d", b.MaxEvents, maxBatchEvents)
	}
	if b.MaxBytes < minBatchBytes || b.MaxBytes > maxBatchBytes {
		v.fail([]string{"batch", "max_bytes"}, "is %s: it must be from 1KiB to 64MiB", b.MaxBytes)
	}
	if wait := *b.MaxWait; wait < 0 || wait > maxBatchWait {
		v.fail([]string{"batch", "max_wait"}, "is %s: it must be from 0s to 5m", document.FormatDuration(wait))
	}
	if c.Format == FormatCloudEventsBinary && c.Type == TypeHTTP {
		v.fail([]string{"format"}, "cloudevents-binary holds one event in one request, so it can't be sent in batches: use cloudevents, or remove batch")
	}
}

// BatchTarget is a Target that can take several deliveries at once.
type BatchTarget interface {
	Target
	// DeliverBatch makes one attempt to hand over all of a batch, which are
	// SameBatch. What came of a delivery is its error in each; where that is nil,
	// or each is, it is whole. All errors are, or wrap, an *Error. Where whole is
	// final, one delivery may have cost the others theirs, and the same batch in
	// parts may be taken.
	DeliverBatch(ctx context.Context, batch []*Delivery) (each []error, whole error)
}

// logBatch is how the lines of a log target are gathered: as many as wait, in one
// write.
var logBatch = Batch{MaxEvents: 1024, MaxBytes: 1 << 20, MaxWait: new(time.Duration(0))}

// Batching is how the deliveries of the target are gathered; nil where each is
// sent alone.
func (c *Config) Batching() *Batch {
	if c.Type == TypeLog {
		return &logBatch
	}
	return c.Batch
}

// SameBatch tells whether two deliveries to a target may share a batch: not a
// synthetic event with a real one, as one header speaks for all, and not a
// CloudEvent with a transformed body, which has another content type.
func (c *Config) SameBatch(a, b *Delivery) bool {
	if c.Type != TypeHTTP {
		return true
	}
	return a.synthetic() == b.synthetic() && (c.Format != FormatCloudEvents || (a.Body == nil) == (b.Body == nil))
}

// note puts the error of one delivery into each, which is made when there is one.
func note(each []error, n, i int, err error) []error {
	if each == nil && err != nil {
		each = make([]error, n)
	}
	if err != nil {
		each[i] = err
	}
	return each
}
