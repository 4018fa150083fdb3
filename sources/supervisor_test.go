package sources

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"signalbox/event"
	"signalbox/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a broker, the connection to it, and the router.
type fake struct {
	mu      sync.Mutex
	down    error // of Open
	waiting []Message
	calls   []string
	opened  []time.Time

	refuse  error   // of the whole call
	refused []error // of single events, in turn
	events  []*event.Event
	letters []Letter
	paused  bool
	slow    time.Duration // how long Accept takes
}

func (f *fake) call(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fake) Open(context.Context) (Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, time.Now())
	return f, f.down
}
func (f *fake) Address() string { return "fake" }
func (f *fake) Hide(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "secret", "***"))
}

func (f *fake) Fetch(ctx context.Context) ([]Message, error) {
	for {
		f.mu.Lock()
		all, down := f.waiting, f.down
		f.waiting = nil
		f.mu.Unlock()
		switch {
		case down != nil:
			return nil, down
		case len(all) > 0:
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func (f *fake) Ack(_ context.Context, all []Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("ack %d", len(all))
	return nil
}

func (f *fake) Hold(context.Context, []Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("hold")
	return nil
}

func (f *fake) Lag(context.Context) (uint64, error) { return 7, nil }
func (f *fake) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("close")
}

func (f *fake) Accept(ctx context.Context, events []*event.Event) ([]error, error) {
	f.mu.Lock()
	slow := f.slow
	f.mu.Unlock()
	time.Sleep(slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	f.call("accept %d of %s", len(events), event.Sender(ctx))
	errs := make([]error, len(events))
	for i, e := range events {
		if len(f.refused) > 0 {
			errs[i], f.refused = f.refused[0], f.refused[1:]
		}
		if errs[i] == nil {
			f.events = append(f.events, e)
		}
	}
	return errs, nil
}

func (f *fake) KeepDead(_ context.Context, _ *Source, letters []Letter) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	f.call("bury %d", len(letters))
	f.letters = append(f.letters, letters...)
	return nil
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// did returns what was called since the last time.
func (f *fake) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.calls = nil }()
	return strings.Join(f.calls, ", ")
}

func (f *fake) kind() *Kind {
	return &Kind{Name: "fake", Options: func() Options { return &none{} }, New: func(*Config, Env) (Opener, error) { return f, nil }}
}

func (f *fake) source(t *testing.T, c Config) *Source {
	t.Helper()
	c.Kind, c.Type, c.Options, c.Map = f.kind(), "fake", &none{}, &Map{DetailType: "body.type"}
	s, faults, _ := New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return s
}

// running runs a source in a bubble.
func running(t *testing.T, test func(t *testing.T, f *fake, s *Supervisor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := NewSupervisor(SupervisorOptions{Accepter: f, Registerer: prometheus.NewRegistry(), Paused: func(string) *Pause {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.paused {
				return &Pause{By: []string{"command"}, Since: time.Now()}
			}
			return nil
		}})
		s.Set(map[string]*Source{"a": f.source(t, Config{Name: "a"})})
		test(t, f, s)
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func (f *fake) send(bodies ...string) {
	f.set(func() {
		for i, body := range bodies {
			f.waiting = append(f.waiting, Message{ID: fmt.Sprint(i), Body: []byte(body)})
		}
	})
	time.Sleep(10 * time.Millisecond)
}

type busy struct{}

func (busy) Error() string             { return "full" }
func (busy) RetryAfter() time.Duration { return 30 * time.Second }

func TestAcknowledgedIsWhatIsTaken(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		f.set(func() {
			f.refused = []error{nil, &event.Error{Code: event.CodeInvalidArgument, Message: "no"}, &event.Error{Code: event.CodeInternalFailure}}
		})
		f.send(`{"type":"A"}`, `not JSON`, `{"type":"B"}`, `{"type":"C"}`)
		if got, want := f.did(), "accept 3 of source/, hold"; got != want {
			t.Errorf("did %s, want %s", got, want)
		}
		time.Sleep(2 * time.Second)
		if got, want := f.did(), "accept 1 of source/, bury 2, ack 4"; got != want {
			t.Errorf("did %s, want %s", got, want)
		}
		if f.letters[0].Code != CodeUndecodable || f.letters[1].Code != CodeRefused || string(f.letters[1].Message.Body) != `{"type":"B"}` {
			t.Errorf("the letters are %v", f.letters)
		}
		st := s.Statuses()[0]
		if st.State != StateRunning || st.Accepted != 2 || st.Undecodable != 1 || st.Refused != 1 || *st.Lag != 7 || st.Name != "a" || st.Type != "fake" {
			t.Errorf("the status is %+v", st)
		}
		time.Sleep(watchEvery)
		if st := s.Statuses()[0]; st.Rate != 0.8 && st.Rate != 0 {
			t.Errorf("the rate is %v", st.Rate)
		}
	})
}

func TestABusyRouterStopsTheFetching(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		f.set(func() { f.refuse = busy{} })
		f.send(`{"type":"A"}`, `no`)
		time.Sleep(3500 * time.Millisecond)
		if got := f.did(); got != "hold, hold, hold, hold" || s.Statuses()[0].State != StateBusy || s.Statuses()[0].Error != "full" {
			t.Errorf("did %s, and is %+v", got, s.Statuses()[0])
		}
		f.set(func() { f.refuse = nil })
		time.Sleep(2 * time.Second)
		if got, want := f.did(), "accept 1 of source/, bury 1, ack 2"; got != want || s.Statuses()[0].State != StateRunning {
			t.Errorf("did %s, want %s", got, want)
		}
	})
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, turn, left := &fake{}, make(chan bool), 0
		s := NewSupervisor(SupervisorOptions{Accepter: f, Turn: func(ctx context.Context) (func(), error) {
			select {
			case <-turn:
				return func() { left++ }, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		s.Set(map[string]*Source{"a": f.source(t, Config{Name: "a"})})
		f.send(`{"type":"A"}`)
		if got := f.did(); got != "" {
			t.Errorf("did %s: it is not its turn", got)
		}
		turn <- true
		synctest.Wait()
		if got := f.did(); got != "accept 1 of source/, ack 1" || left != 1 {
			t.Errorf("did %s, and %d turns are over", got, left)
		}
		f.send(`{"type":"A"}`)
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := f.did(); got != "close" {
			t.Errorf("did %s", got)
		}
	})
}

func TestABrokerThatIsDownIsTriedAgain(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		time.Sleep(time.Second)
		f.set(func() { f.down, f.opened = errors.New("no route: secret"), nil })
		time.Sleep(10 * time.Minute)
		f.mu.Lock()
		opened := slices.Clone(f.opened)
		f.mu.Unlock()
		if n := len(opened); n < 18 || n > 50 {
			t.Errorf("tried %d times in 10 minutes", n)
		}
		for i := range opened[1:] {
			if wait := opened[i+1].Sub(opened[i]); wait < minBackoff/2 || wait > maxBackoff {
				t.Errorf("waited %v", wait)
			}
		}
		if st := s.Statuses()[0]; st.State != StateFailing || st.Error != "no route: ***" || st.Lag != nil || st.Errors < 18 {
			t.Errorf("the status is %+v", st)
		}
		f.set(func() { f.down = nil })
		time.Sleep(maxBackoff)
		if st := s.Statuses()[0]; st.State != StateRunning || st.Error != "" {
			t.Errorf("the status is %+v", st)
		}
	})
}

func TestAStopWhileTheRouterIsBusy(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		f.set(func() { f.refuse = busy{} })
		f.send(`{"type":"A"}`)
		f.did()
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := f.did(); got != "close" {
			t.Errorf("did %s: nothing may be acknowledged", got)
		}
		s.Set(map[string]*Source{"b": f.source(t, Config{Name: "b"})}) // does nothing
	})
}

func TestPauses(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		time.Sleep(time.Second)
		f.set(func() { f.paused = true })
		s.Refresh()
		time.Sleep(time.Second)
		if got := f.did(); got != "close" || s.Statuses()[0].State != StatePaused || s.Statuses()[0].Pause == nil {
			t.Errorf("did %s, and is %+v", got, s.Statuses()[0])
		}
		f.send(`{"type":"A"}`)
		time.Sleep(time.Hour)
		if got := f.did(); got != "" {
			t.Errorf("did %s while it was paused", got)
		}
		f.set(func() { f.paused = false })
		s.Refresh()
		time.Sleep(time.Second)
		if got := f.did(); got != "accept 1 of source/, ack 1" || s.Statuses()[0].State != StateRunning {
			t.Errorf("did %s, and is %+v", got, s.Statuses()[0])
		}
	})
}

func TestAPauseWhileABatchIsTakenIn(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		f.set(func() { f.slow, f.refuse = time.Second, busy{} })
		f.send(`{"type":"A"}`)
		f.set(func() { f.paused = true })
		s.Refresh()
		time.Sleep(2 * time.Second)
		if st := s.Statuses()[0]; st.State != StatePaused || st.Error != "" {
			t.Errorf("the status is %+v: a pause has the last word", st)
		}
	})
}

func TestReloads(t *testing.T) {
	running(t, func(t *testing.T, f *fake, s *Supervisor) {
		time.Sleep(time.Second)
		same, other := f.source(t, Config{Name: "a"}), f.source(t, Config{Name: "a", BatchSize: 5})
		s.Set(map[string]*Source{"a": same, "b": f.source(t, Config{Name: "b"})})
		time.Sleep(time.Second)
		if got := f.did(); got != "" || len(s.Statuses()) != 2 {
			t.Errorf("did %s: one is the same", got)
		}
		s.Set(map[string]*Source{"a": other})
		time.Sleep(time.Second)
		if got := f.did(); got != "close, close" || len(s.Statuses()) != 1 || s.Statuses()[0].State != StateRunning {
			t.Errorf("did %s, and is %+v", got, s.Statuses())
		}
	})
}
