package sources

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// State is how a source is, in one word.
type State string

// The states of a source.
const (
	StateConnecting State = "connecting"
	StateRunning    State = "running"
	// StateFailing can't reach its broker, or is refused by it, and tries again.
	StateFailing State = "failing"
	// StateBusy waits, as the router takes nothing in.
	StateBusy   State = "busy"
	StatePaused State = "paused"
)

// States are all states.
var States = []State{StateConnecting, StateRunning, StateFailing, StateBusy, StatePaused}

// Status is how one source is.
type Status struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bus   string `json:"bus,omitempty"`
	State State  `json:"state"`
	// Error is why it fails, or waits.
	Error string `json:"error,omitempty"`
	// Pause is who has paused it; nil where nobody has.
	Pause *Pause `json:"pause,omitempty"`
	// Lag counts the messages that wait at the broker; nil where that is not known.
	Lag *uint64 `json:"lag,omitempty"`
	// Rate is how many messages a second have come lately.
	Rate float64 `json:"rate"`
	// LastMessage is when the latest batch came.
	LastMessage time.Time `json:"last_message,omitzero"`
	// These count messages since the start: those that became events, those that were known
	// already, those that could not be decoded, and those whose events were refused.
	Accepted    uint64 `json:"accepted"`
	Duplicates  uint64 `json:"duplicates"`
	Undecodable uint64 `json:"undecodable"`
	Refused     uint64 `json:"refused"`
	// Errors counts broken connections and failed tries to connect.
	Errors uint64 `json:"errors"`
	// Config is the configuration without its secrets.
	Config map[string]any `json:"config,omitempty"`
}

// view returns how the source is.
func (r *runner) view() Status {
	r.mu.Lock()
	v := r.status
	r.mu.Unlock()
	v.Name, v.Type, v.Bus, v.Config = r.source.Name, r.source.Type, r.source.Bus, r.source.Show()
	if v.Pause != nil {
		v.State = StatePaused
	}
	c := r.counts
	v.Accepted, v.Duplicates, v.Undecodable, v.Refused, v.Errors =
		read(c.accepted), read(c.duplicates), read(c.undecodable), read(c.refused), read(c.errors)
	if at := c.last.Load(); at != 0 {
		v.LastMessage = time.Unix(0, at).UTC()
	}
	return v
}

// pause takes a pause, or the end of one, over.
func (r *runner) pause(p *Pause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.status.Pause
	r.status.Pause = p
	if p != nil && r.endSession != nil {
		r.endSession()
	}
	if p != nil {
		r.status.Error, r.status.Lag = "", nil
		r.status.State = StateConnecting // when it is resumed
	}
	if (p == nil) == (before == nil) {
		return
	}
	if p == nil {
		r.log.Info("source resumed")
	} else {
		r.log.Info("source paused")
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *runner) paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status.Pause != nil
}

// with makes the connection the one whose lag is asked for, until the returned function is
// called.
func (r *runner) with(conn Conn) (without func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.watchLag(ctx, conn)
	}()
	return func() {
		cancel()
		<-done
		r.mu.Lock()
		r.status.Lag = nil
		r.mu.Unlock()
	}
}

func (r *runner) watchLag(ctx context.Context, conn Conn) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, watchEvery)
		lag, err := conn.Lag(asking)
		cancel()
		r.mu.Lock()
		if r.status.Lag = &lag; err != nil {
			r.status.Lag = nil
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watch counts the rate.
func (r *runner) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	before := r.counts.messages.Load()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.counts.messages.Load()
		r.mu.Lock()
		r.status.Rate = float64(now-before) / watchEvery.Seconds()
		r.mu.Unlock()
		before = now
	}
}

// counts are those of one source.
type counts struct {
	accepted, duplicates, undecodable, refused, errors prometheus.Counter
	messages                                           atomic.Uint64
	last                                               atomic.Int64 // Unix nanoseconds
	// faults bounds the log of messages that can't be taken in.
	faults rate.Sometimes
}

func (c *counts) received(n int) {
	c.messages.Add(uint64(n))
	c.last.Store(time.Now().UnixNano())
}

func read(c prometheus.Counter) uint64 {
	var m dto.Metric
	if c.Write(&m) != nil {
		return 0
	}
	return uint64(m.GetCounter().GetValue())
}
