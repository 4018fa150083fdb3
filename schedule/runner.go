package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/event"
)

// What the event of a schedule says of itself, as in EventBridge.
const (
	Source     = "aws.events"
	DetailType = "Scheduled Event"
)

// Rule is a rule with a schedule.
type Rule struct {
	Bus, Name, ARN string
	Schedule       *Schedule
	CatchUp        CatchUp
}

// key names the rule among all, and its mark.
func (r *Rule) key() string { return r.Bus + "/" + r.Name }

// same reports whether two rules fire at the same times.
func (r *Rule) same(other *Rule) bool {
	return r.ARN == other.ARN && r.CatchUp == other.CatchUp &&
		r.Schedule.String() == other.Schedule.String() && r.Schedule.Zone() == other.Schedule.Zone()
}

// Event returns the event of a rule at one of its times. Its id is made of both, so that no time
// fires twice.
func (r *Rule) Event(at time.Time) *event.Event {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(r.ARN+" "+at.UTC().Format(time.RFC3339)))
	return &event.Event{
		ID: id.String(), Source: Source, DetailType: DetailType, Time: at.UTC(), Resources: []string{r.ARN}, Detail: []byte("{}"),
		Meta: event.Metadata{Bus: r.Bus, Scheduled: true},
	}
}

// Marks keep how far rules have got over a restart.
type Marks interface {
	All(fn func(key string, state []byte) error) error
	Put(key string, state []byte) error
	Delete(key string) error
}

// mark is what is kept of a rule that catches up: all its times up to one are done.
type mark struct {
	Schedule string    `json:"schedule"`
	Zone     string    `json:"zone"`
	Until    time.Time `json:"until"`
}

// Options are what a Runner works with. All but Logger and Registerer are required.
type Options struct {
	// Accept takes events in: nil for each that is on disk when it returns, else why it is refused
	// for good. Its own error means that it is to be tried again.
	Accept func(context.Context, []*event.Event) ([]error, error)
	// Known reports whether the event of a schedule is on disk.
	Known      func(id string) bool
	Marks      Marks
	Logger     *zap.Logger
	Registerer prometheus.Registerer
}

// Runner fires rules at their times. It is safe for concurrent use.
type Runner struct {
	opts                   Options
	fired, missed, refused prometheus.Counter

	// changed has a value where the rules have changed since the loop looked at them.
	changed chan struct{}
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	rules map[string]*timed
	// marks are those of the run before, nil once rules have been set.
	marks map[string]mark
	// gone are rules whose marks are to be deleted.
	gone []string
}

// timed is a rule, and how far it has got. All is guarded by Runner.mu.
type timed struct {
	Rule
	// since is from when on the rule is followed in this run.
	since time.Time
	// noticed is up to which time it has been seen what is due, and owed what of that has not
	// fired yet, at most MaxCatchUp times.
	noticed time.Time
	owed    []time.Time
	// last is when it fired last; zero where that is not known.
	last time.Time
	// unmarked means that its mark is to be written.
	unmarked bool
}

const (
	// onTime is how late a time may be noticed and not be one that was missed.
	onTime = time.Minute
	// longestSleep is how soon a clock that was set is noticed.
	longestSleep = time.Minute
	// retryAfter is when what was not taken in is tried again.
	retryAfter = time.Second
	// maxBatch is how many events are handed over at once.
	maxBatch = 100
)

// NewRunner returns a runner without rules. It fires from Start on.
func NewRunner(o Options) (*Runner, error) {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	r := &Runner{opts: o, rules: map[string]*timed{}, marks: map[string]mark{}, changed: make(chan struct{}, 1), done: make(chan struct{})}
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "signalbox_schedule_firings_total",
		Help: "Times of rules with a schedule, by what came of them: fired, missed (nothing ran, and catch_up asks for no more), refused.",
	}, []string{"outcome"})
	o.Registerer.MustRegister(counter)
	r.fired, r.missed, r.refused = counter.WithLabelValues("fired"), counter.WithLabelValues("missed"), counter.WithLabelValues("refused")
	err := o.Marks.All(func(key string, state []byte) error {
		var m mark
		if err := json.Unmarshal(state, &m); err != nil {
			return fmt.Errorf("how far the schedule of %q has got: %w", key, err)
		}
		r.marks[key] = m
		return nil
	})
	return r, err
}

// Set makes rules those that fire. One that fires as before goes on. Any other begins now, or, if
// these are the first rules and it catches up, where it was when the router stopped.
func (r *Runner) Set(all []Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, next := time.Now(), make(map[string]*timed, len(all))
	for _, rule := range all {
		key, text, zone := rule.key(), rule.Schedule.String(), rule.Schedule.Zone()
		t := &timed{Rule: rule, since: now, noticed: now, unmarked: rule.CatchUp != CatchUpNone}
		if m, ok := r.marks[key]; ok && t.unmarked && m.Schedule == text && m.Zone == zone && m.Until.Before(now) {
			t.noticed, t.last, t.unmarked = m.Until, m.Until, false
		}
		if old := r.rules[key]; old != nil && old.same(&rule) {
			t = old
		}
		next[key] = t
	}
	for key, old := range r.rules {
		if next[key] == nil && old.CatchUp != CatchUpNone {
			r.gone = append(r.gone, key)
		}
	}
	for key := range r.marks {
		if next[key] == nil {
			r.gone = append(r.gone, key)
		}
	}
	r.rules, r.marks = next, nil
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Last returns when a rule fired last, and false where that is not known.
func (r *Runner) Last(bus, name string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.rules[(&Rule{Bus: bus, Name: name}).key()]
	if t == nil || t.last.IsZero() {
		return time.Time{}, false
	}
	return t.last, true
}

// Start begins to fire.
func (r *Runner) Start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			timer := time.NewTimer(r.turn(ctx))
			select {
			case <-ctx.Done():
			case <-r.changed:
			case <-timer.C:
			}
			timer.Stop()
		}
	}()
}

// Stop ends the firing, and returns when it has ended, or ctx has.
func (r *Runner) Stop(ctx context.Context) error {
	r.stop()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// turn fires what is due, and returns how long it is until the next.
func (r *Runner) turn(ctx context.Context) time.Duration {
	due, wait := r.notice(time.Now())
	for batch := range slices.Chunk(due, maxBatch) {
		if err := r.fire(ctx, batch); err != nil {
			if ctx.Err() == nil {
				r.opts.Logger.Warn("rules with a schedule can't fire now; they are tried again", zap.Error(err))
			}
			return retryAfter
		}
	}
	if err := r.mark(); err != nil {
		r.opts.Logger.Error("how far schedules have got can't be written; it is tried again", zap.Error(err))
		return retryAfter
	}
	return wait
}

// firing is one time of a rule.
type firing struct {
	rule *timed
	at   time.Time
}

// notice returns what is to fire, each rule's times in order, and how long it is until the next.
func (r *Runner) notice(now time.Time) (due []firing, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait = longestSleep
	for _, key := range slices.Sorted(maps.Keys(r.rules)) {
		t := r.rules[key]
		missed, late := 0, 0
		var fresh []time.Time
		next, ok := t.Schedule.Next(t.noticed)
		for ; ok && !next.After(now); next, ok = t.Schedule.Next(next) {
			t.noticed = next
			fresh = append(fresh, next)
			if now.Sub(next) > onTime {
				if late++; late > t.CatchUp.limit() {
					fresh, late, missed = fresh[1:], late-1, missed+1
				}
			}
		}
		t.owed = append(t.owed, fresh...)
		if over := len(t.owed) - MaxCatchUp; over > 0 {
			t.owed, missed = t.owed[over:], missed+over
		}
		if missed > 0 {
			r.missed.Add(float64(missed))
			r.opts.Logger.Warn("times of a rule's schedule have passed without it",
				zap.String("bus", t.Bus), zap.String("rule", t.Name), zap.Int("missed", missed), zap.String("catch_up", string(t.CatchUp)))
		}
		for _, at := range t.owed {
			due = append(due, firing{t, at})
		}
		if ok {
			wait = min(wait, next.Sub(now))
		}
	}
	return due, wait
}

// fire hands over the events of some times. On an error they are still owed.
func (r *Runner) fire(ctx context.Context, batch []firing) error {
	events := make([]*event.Event, 0, len(batch))
	for _, f := range batch {
		e := f.rule.Event(f.at)
		if !f.at.After(f.rule.since) && r.opts.Known(e.ID) {
			continue // it fired before a crash
		}
		events = append(events, e)
	}
	if len(events) > 0 {
		refused, err := r.opts.Accept(ctx, events)
		if err != nil {
			return err
		}
		for i, err := range refused {
			if err != nil {
				r.refused.Inc()
				r.opts.Logger.Error("the event of a rule's schedule is refused", zap.String("bus", events[i].Meta.Bus), zap.Strings("resources", events[i].Resources), zap.Error(err))
			} else {
				r.fired.Inc()
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range batch {
		f.rule.owed, f.rule.last = f.rule.owed[1:], f.at
		f.rule.unmarked = f.rule.CatchUp != CatchUpNone
	}
	return nil
}

// mark writes how far the rules have got that catch up, and deletes what is known of those that
// are gone. What it can't write it tries again in the next turn.
func (r *Runner) mark() error {
	r.mu.Lock()
	marks, gone := map[string]mark{}, map[string]bool{}
	for _, key := range r.gone {
		gone[key] = true
	}
	for key, t := range r.rules {
		delete(gone, key)
		if t.unmarked {
			until := t.last
			if until.IsZero() { // it has never fired
				until = t.noticed
			}
			marks[key] = mark{t.Schedule.String(), t.Schedule.Zone(), until}
		}
	}
	r.mu.Unlock()
	for key := range gone {
		if err := r.opts.Marks.Delete(key); err != nil {
			return err
		}
	}
	for key, m := range marks {
		state, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := r.opts.Marks.Put(key, state); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range marks {
		if t := r.rules[key]; t != nil {
			t.unmarked = false
		}
	}
	r.gone = slices.DeleteFunc(r.gone, func(key string) bool { return gone[key] || r.rules[key] != nil })
	return nil
}
