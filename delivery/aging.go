package delivery

import (
	"time"

	"signalbox/delivery/queue"
)

// sweepAgain is how soon a sweep that found something is repeated: more may have
// come from disk in its place.
const sweepAgain = 10 * time.Millisecond

// aging looks for deliveries that grow too old behind a circuit that is not closed:
// nothing is attempted there that would notice.
type aging struct {
	// at is when it looks next; it is running while it does.
	at      time.Time
	running bool
}

// begin starts a sweep if it is time. It is called with the lane's lock.
func (g *aging) begin(l *Lane, now time.Time) {
	if g.running || now.Before(g.at) || len(l.queue.Items()) == 0 {
		return
	}
	g.running = true
	l.env.Go(func() { g.sweep(l) })
}

// sweep dead-letters what is too old.
func (g *aging) sweep(l *Lane) {
	t := l.Use()
	var aged []*queue.Item
	if t != nil {
		aged = g.take(l, t)
		for _, it := range aged {
			a := &Attempt{lane: l, Item: it, Target: t}
			prepare(a)
			dieOfAge(a)
		}
		t.Done()
	}
	l.locked(func() {
		g.running = false
		g.at = time.Now().Add(max(l.health.circuit.OpenFor(), sweepAgain))
		if len(aged) > 0 {
			g.at = time.Now().Add(sweepAgain)
		}
	})
}

// take takes out of the queue what is older than it may become.
func (g *aging) take(l *Lane, t *Active) []*queue.Item {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return l.queue.TakeIf(func(it *queue.Item) bool {
		maxAge := retryOf(l.env, it, t).MaxAge
		return maxAge > 0 && !now.Before(began(l, it).Add(maxAge))
	})
}
