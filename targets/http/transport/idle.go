package transport

import (
	"slices"
	"sync"
	"time"
)

// idle are the connections that are not in use.
type idle struct {
	timeout time.Duration

	mu     sync.Mutex
	conns  []*conn     // the one used last is at the end
	sweep  *time.Timer // closes those that were not used for too long; nil while there are none
	closed bool
}

// take returns the connection that was used last; nil if there is none.
func (i *idle) take() *conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.conns) == 0 {
		return nil
	}
	last := len(i.conns) - 1
	c := i.conns[last]
	i.conns[last] = nil
	i.conns = i.conns[:last]
	return c
}

func (i *idle) put(c *conn) {
	c.used = time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		c.Close()
		return
	}
	i.conns = append(i.conns, c)
	if i.sweep == nil {
		i.sweep = time.AfterFunc(i.timeout, i.expire)
	}
}

// expire closes the connections that were not used for too long.
func (i *idle) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	i.conns = slices.DeleteFunc(i.conns, func(c *conn) bool {
		old := now.Sub(c.used) >= i.timeout
		if old {
			c.Close()
		}
		return old
	})
	i.sweep = nil
	if len(i.conns) > 0 && !i.closed {
		// They are in the order of their last use.
		i.sweep = time.AfterFunc(i.timeout-now.Sub(i.conns[0].used), i.expire)
	}
}

func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	if i.sweep != nil {
		i.sweep.Stop()
	}
	for _, c := range i.conns {
		c.Close()
	}
	i.conns = nil
}
