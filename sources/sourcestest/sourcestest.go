// Package sourcestest has what the tests of all kinds of source share.
package sourcestest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/sources"
)

// Router takes events in, in memory. Repeats are known by their dedup key.
type Router struct {
	t testing.TB

	mu      sync.Mutex
	events  []*event.Event
	known   map[string]bool
	letters []sources.Letter
	refuse  error
	tries   int
	paused  bool
}

// NewRouter returns a router that takes everything.
func NewRouter(t testing.TB) *Router { return &Router{t: t, known: map[string]bool{}} }

// Accept takes events in.
func (r *Router) Accept(_ context.Context, events []*event.Event) ([]error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries++; r.refuse != nil {
		return nil, r.refuse
	}
	for _, e := range events {
		if e.Duplicate = e.Meta.DedupKey != "" && r.known[e.Meta.DedupKey]; !e.Duplicate {
			r.known[e.Meta.DedupKey] = true
			r.events = append(r.events, e)
		}
	}
	return make([]error, len(events)), nil
}

// KeepDead keeps letters.
func (r *Router) KeepDead(_ context.Context, _ *sources.Source, letters []sources.Letter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letters = append(r.letters, letters...)
	return nil
}

// Refuse makes the router refuse all with an error; nil ends that.
func (r *Router) Refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}

// Pause makes the sources be paused, or no longer.
func (r *Router) Pause(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = on
}

// Tries returns how often it was asked to accept.
func (r *Router) Tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries
}

// Events returns what was accepted, in order.
func (r *Router) Events() []*event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[:len(r.events):len(r.events)]
}

// Letters returns the dead letters.
func (r *Router) Letters() []sources.Letter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.letters[:len(r.letters):len(r.letters)]
}

// Await waits until so many events were accepted.
func (r *Router) Await(n int) {
	r.t.Helper()
	Until(r.t, "all events have come", func() bool { return len(r.Events()) >= n })
}

// Each checks that the details are {"n": 0} to {"n": n-1}, each once.
func (r *Router) Each(n int) {
	r.t.Helper()
	seen := map[int]int{}
	for _, e := range r.Events() {
		var detail struct{ N int }
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			r.t.Errorf("%s: %v", e.Detail, err)
		}
		seen[detail.N]++
	}
	for i := range n {
		if seen[i] != 1 {
			r.t.Errorf("%d was accepted %d times", i, seen[i])
		}
	}
	if len(seen) != n {
		r.t.Errorf("%d different ones were accepted, want %d", len(seen), n)
	}
}

// Busy is the error of a router that takes nothing in at the moment.
type Busy struct{}

func (Busy) Error() string { return "the backlog is full" }

// RetryAfter is how long to wait.
func (Busy) RetryAfter() time.Duration { return 5 * time.Second }

// Run runs a source until the test ends.
func Run(t testing.TB, r *Router, c sources.Config) *sources.Supervisor {
	t.Helper()
	source, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := sources.NewSupervisor(sources.SupervisorOptions{Accepter: r, Paused: func(string) *sources.Pause {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.paused {
			return &sources.Pause{By: []string{"command"}}
		}
		return nil
	}})
	s.Set(map[string]*sources.Source{c.Name: source})
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Until waits until something is so.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if t.Failed() || time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// SurvivesKill runs a source, publishes messages whose bodies are {"n": 0} and so on, and lets
// restart kill the broker and bring it back in the midst of them. Each becomes one event.
func SurvivesKill(t testing.TB, c sources.Config, publish func(from, n int), restart func()) {
	t.Helper()
	router := NewRouter(t)
	s := Run(t, router, c)
	publish(0, 300)
	router.Await(100)
	restart()
	publish(300, 300)
	router.Await(600)
	router.Each(600)
	Until(t, "nothing is left", func() bool { lag := s.Statuses()[0].Lag; return lag != nil && *lag == 0 })
}

// KnownToOthers checks that a message that one source has taken in makes no second event by
// another, which reads the same on its own account.
func KnownToOthers(t testing.TB, one, other sources.Config, publish func(from, n int)) {
	t.Helper()
	router := NewRouter(t)
	Run(t, router, one)
	publish(0, 20)
	router.Await(20)
	s := Run(t, router, other)
	Until(t, "the other has had all", func() bool { st := s.Statuses()[0]; return st.Accepted+st.Duplicates >= 20 })
	if st := s.Statuses()[0]; st.Duplicates != 20 {
		t.Errorf("the other has taken in %d messages again", st.Accepted)
	}
	router.Each(20)
}
