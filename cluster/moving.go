package cluster

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled is why a moving context has ended by itself.
var errStalled = errors.New("the servers have not answered for too long")

// moving is a context that ends once nothing has moved for a while. It is for copies of any size from and to servers
// which do not answer at all while they elect: what was asked of them then is never answered.
type moving struct {
	context.Context
	most  time.Duration
	timer *time.Timer
}

// newMoving returns one that may stand still for so long at most.
func newMoving(ctx context.Context, most time.Duration) (*moving, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	m := &moving{Context: ctx, most: most, timer: time.AfterFunc(most, func() { cancel(errStalled) })}
	return m, func() {
		m.timer.Stop()
		cancel(nil)
	}
}

// Deadline is for how long one request, or one read of a copy, may wait.
func (m *moving) Deadline() (time.Time, bool) { return time.Now().Add(m.most), true }

// reading returns a reader whose reads move the context.
func (m *moving) reading(r io.Reader) io.Reader { return &movingReader{m, r} }

// why is the error of what was done with the context.
func (m *moving) why(err error) error {
	if cause := context.Cause(m); err != nil && cause != nil {
		return cause
	}
	return err
}

type movingReader struct {
	m *moving
	r io.Reader
}

func (r *movingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.m.timer.Reset(r.m.most)
	}
	return n, err
}
