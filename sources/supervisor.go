package sources

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/event"
)

// Accepter takes in what sources bring.
type Accepter interface {
	// Accept takes events in: nil for each that is on disk when it returns, else an
	// *event.Error. Its error is for the whole call; one with a method
	// RetryAfter() time.Duration means that nothing is taken in at the moment.
	Accept(ctx context.Context, events []*event.Event) ([]error, error)
	// KeepDead puts messages into the dead-letter queue as those of a source. They are on disk
	// when it returns without an error.
	KeepDead(ctx context.Context, source *Source, letters []Letter) error
}

// SupervisorOptions are what a Supervisor works with. Accepter is required.
type SupervisorOptions struct {
	Accepter Accepter
	// Limits bound the events.
	Limits event.Limits
	Env    Env
	// Turn waits until a batch may be taken in, as what else brings events does, and returns what
	// ends that; nil waits for nothing.
	Turn func(ctx context.Context) (leave func(), err error)
	// Paused returns who has paused a source, and since when; nobody where it is nil.
	Paused     func(name string) *Pause
	Registerer prometheus.Registerer
}

// Pause is how a source is paused.
type Pause struct {
	// By names who has paused it: "command", "file", or both.
	By    []string  `json:"by"`
	Since time.Time `json:"since"`
}

// Supervisor runs sources: each in goroutines of its own, so that none delays another. It is
// safe for concurrent use.
type Supervisor struct {
	opts    SupervisorOptions
	metrics *metrics

	mu      sync.Mutex
	all     map[string]*runner
	stopped bool
	// running counts the goroutines of all runners, also of those that were replaced.
	running sync.WaitGroup
}

// NewSupervisor returns a supervisor without sources.
func NewSupervisor(o SupervisorOptions) *Supervisor {
	if o.Env.Logger == nil {
		o.Env.Logger = zap.NewNop()
	}
	if o.Turn == nil {
		o.Turn = func(context.Context) (func(), error) { return func() {}, nil }
	}
	if o.Paused == nil {
		o.Paused = func(string) *Pause { return nil }
	}
	s := &Supervisor{opts: o, all: map[string]*runner{}}
	s.metrics = newMetrics(o.Registerer, s)
	return s
}

// Set puts other sources in the place of those that run. One that is the same goes on; one
// that has changed begins when the old one has ended. It does not wait for that.
func (s *Supervisor) Set(next map[string]*Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	for name, old := range s.all {
		if next[name] == nil {
			old.cancel()
			delete(s.all, name)
			s.metrics.forget(name)
		}
	}
	for name, source := range next {
		old := s.all[name]
		if old == nil || !old.source.Equal(source) {
			s.start(source, old)
		}
	}
	s.refresh()
}

// start begins a source, after the one before it.
func (s *Supervisor) start(source *Source, before *runner) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{
		source: source.Limit(s.opts.Limits), opts: &s.opts, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{}, 1),
		log: s.opts.Env.Logger.With(zap.String("source", source.Name)), counts: s.metrics.of(source.Name),
	}
	r.status.State = StateConnecting
	s.all[source.Name] = r
	s.running.Go(func() {
		defer close(r.ended)
		if before != nil {
			before.cancel()
			<-before.ended
		}
		r.run(ctx)
	})
}

// Refresh makes changed pauses take effect.
func (s *Supervisor) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
}

func (s *Supervisor) refresh() {
	for name, r := range s.all {
		r.pause(s.opts.Paused(name))
	}
}

// Statuses returns how all sources are, by name.
func (s *Supervisor) Statuses() []Status {
	s.mu.Lock()
	runners := maps.Clone(s.all)
	s.mu.Unlock()
	all := make([]Status, 0, len(runners))
	for _, name := range slices.Sorted(maps.Keys(runners)) {
		all = append(all, runners[name].view())
	}
	return all
}

// Stop ends all sources, and returns when they have ended, or ctx has. What they have fetched
// and not acknowledged comes again.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	for _, r := range s.all {
		r.cancel()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
