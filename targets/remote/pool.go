package remote

import (
	"context"
	"sync"
	"time"
)

const (
	// maxIdle is how long a connection is kept that nobody uses; idleCheck is after which
	// time it is asked first whether it still holds.
	maxIdle   = 55 * time.Second
	idleCheck = time.Second
)

// Pool keeps connections that one attempt at a time uses, for the next. How many there are at
// once is up to who uses it.
type Pool[C any] struct {
	// Dial opens a connection, Check returns an error for one that is broken, Shut closes it.
	Dial  func(ctx context.Context) (C, error)
	Check func(ctx context.Context, c C) error
	Shut  func(c C)

	failed FailedDial
	mu     sync.Mutex
	idle   []idle[C] // the one used last at the end
	closed bool
}

type idle[C any] struct {
	conn  C
	since time.Time
}

// Get returns a connection, which goes back with Put or Drop.
func (p *Pool[C]) Get(ctx context.Context) (C, error) {
	for {
		last, ok := p.last()
		if !ok {
			return p.dial(ctx)
		}
		age := time.Since(last.since)
		if age < idleCheck || age < maxIdle && p.Check(ctx, last.conn) == nil {
			return last.conn, nil
		}
		p.Shut(last.conn)
	}
}

func (p *Pool[C]) dial(ctx context.Context) (c C, err error) {
	if err := p.failed.Err(); err != nil {
		return c, err
	}
	c, err = p.Dial(ctx)
	p.failed.Note(ctx, err)
	return c, err
}

func (p *Pool[C]) last() (last idle[C], ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return last, false
	}
	last = p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return last, true
}

// Put takes back a connection that is sound.
func (p *Pool[C]) Put(c C) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.Shut(c)
		return
	}
	p.idle = append(p.idle, idle[C]{c, time.Now()})
}

// Drop takes back a connection that is broken, and closes the idle ones with it: whatever broke
// it has most likely broken them.
func (p *Pool[C]) Drop(c C) {
	p.Shut(c)
	p.mu.Lock()
	others := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, other := range others {
		p.Shut(other.conn)
	}
}

// Close closes the idle connections, and those that come back.
func (p *Pool[C]) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for last, ok := p.last(); ok; last, ok = p.last() {
		p.Shut(last.conn)
	}
}
