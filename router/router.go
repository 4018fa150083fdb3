// Package router takes events from acceptance to the end of their deliveries:
// accept, match, append, hand over, settle.
package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"signalbox/catalog"
	"signalbox/commands"
	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/router/dedup"
	"signalbox/rules"
	"signalbox/secret"
	"signalbox/state"
	"signalbox/targets"
	"signalbox/trace"
)

// Options are what a router is made of. Journal is required; the rest have
// defaults.
type Options struct {
	Journal    *journal.Journal
	Logger     *zap.Logger
	Registerer prometheus.Registerer
	// Stdout is where log targets print.
	Stdout io.Writer
	// Account and Region fill in what an event does not say.
	Account, Region string
	// MaxPending is how many pending deliveries stop the acceptance of events; 0
	// is no limit.
	MaxPending uint64
	// MinFreeDisk is how many free bytes the data directory's disk must have for
	// events to be accepted; 0 is no limit.
	MinFreeDisk uint64
	Retention   journal.Retention
	// DedupWindow is for how long a repeat of an event at the door is known as
	// one; 0 takes every event.
	DedupWindow time.Duration
	// Window and WindowBytes bound what one lane holds in memory, in deliveries
	// and in bytes.
	Window      int
	WindowBytes int
	// TargetGoneWait is how long the deliveries of a target that vanishes from the
	// rules wait for it before they go to the dead-letter queue; 0 is not at all.
	TargetGoneWait time.Duration
	// Trace keeps what rules said of events and what came of their deliveries.
	Trace bool
	// MaxHops is how many steps may lie between an event and the one that its
	// story began with; 32 by default.
	MaxHops int
	// NewTarget makes the targets; the default is targets.New.
	NewTarget func(targets.Config, targets.Env) (targets.Target, error)
	// Secrets resolves the references to secrets in targets.
	Secrets secret.Source
	// PublicURL is where this router is reached, without a slash at its end, for
	// the references in notifications.
	PublicURL string
	// Version is the program's, for the User-Agent of HTTP targets.
	Version string
}

// DefaultMaxHops is how many hops an event may make where nothing else is said.
const DefaultMaxHops = 32

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.Region == "" {
		o.Region = "local"
	}
	if o.Window <= 0 {
		o.Window = 1024
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 4 << 20
	}
	if o.MaxHops <= 0 {
		o.MaxHops = DefaultMaxHops
	}
	if o.NewTarget == nil {
		o.NewTarget = targets.New
	}
}

// Router routes events. It is safe for concurrent use.
type Router struct {
	opts    Options
	journal *journal.Journal
	log     *zap.Logger
	metrics *metrics
	// DeadLetters is the dead-letter queue.
	DeadLetters *dlq.Queue
	// Commands follows commands and queries.
	Commands *commands.Service
	// Traces reads the events that are kept, and States the states of objects.
	Traces *trace.Reader
	States *state.Reader

	// snapshot is written by Swap alone, under swapMu.
	snapshot atomic.Pointer[snapshot]
	swapMu   sync.Mutex
	// files are the rules without those of subscriptions; both are guarded by
	// swapMu.
	files      *rules.Set
	subscribed map[string]*subscription
	// pauses and releasing are used under swapMu. releaseMu is held while held
	// deliveries are let go.
	pauses    map[pauseKey]journal.Pause
	releasing map[pauseKey]bool
	releaseMu sync.Mutex
	// targetPauses are those of pauses that targets have.
	targetPauses targetPauses

	laneMu sync.Mutex
	lanes  map[string]*delivery.Lane // by target; a lane outlives its target

	gate  gate
	dedup *dedup.Filter // nil where it is off
	// reused bounds the warnings of ids that several events have.
	reused rate.Sometimes
	// warned counts what the doors have let in with a warning.
	warned warnings

	// lanesEnv is what lanes take from the router.
	lanesEnv delivery.Env

	// base is cancelled when attempts under way must end.
	base    context.Context
	abandon context.CancelFunc
	// workers counts the goroutines that the router has started.
	workers  sync.WaitGroup
	stop     chan struct{}
	stopOnce sync.Once
	running  atomic.Bool

	whenFailed sync.Map // rule key → true once its failure has been logged
}

// snapshot is one revision of the rules, and the lanes of its targets.
type snapshot struct {
	set   *rules.Set
	lanes map[string]*delivery.Lane
	// holds is where deliveries are suspended; nil where none are.
	holds *holds
	// policies are what the rules say of deliveries.
	policies *delivery.Policies
}

// suspend makes the snapshot suspend what the pauses do.
func (s *snapshot) suspend(h *holds) {
	s.holds = h
	p := *s.policies
	p.Suspended = h.pausedRule
	s.policies = &p
}

// policiesOf returns what a set says of deliveries.
func policiesOf(set *rules.Set) *delivery.Policies {
	p := &delivery.Policies{Retries: map[delivery.Entry]targets.Retry{}}
	for _, t := range set.Targets {
		p.Longest = max(p.Longest, t.Retry.MaxBackoff)
	}
	for _, r := range set.Rules {
		for i := range r.Targets {
			t := &r.Targets[i]
			entry := delivery.Entry{Bus: r.Bus, Rule: r.Name, Entry: t.ID}
			if t.Retry != nil {
				p.Retries[entry] = *t.Retry
				p.Longest = max(p.Longest, t.Retry.MaxBackoff)
			}
			if t.Parameters != nil {
				if p.Parameters == nil {
					p.Parameters = map[delivery.Entry]*targets.Parameters{}
				}
				p.Parameters[entry] = t.Parameters
			}
			if t.Reply != "" {
				if p.Replies == nil {
					p.Replies = map[delivery.Entry]bool{}
				}
				p.Replies[entry] = set.ReplyEvents(t)
			}
		}
	}
	return p
}

// ErrStopping is the error of events that come while the router stops.
var ErrStopping = delivery.ErrStopping

// New makes a router of a first set of rules. Deliveries begin with Start.
func New(opts Options, set *rules.Set) (_ *Router, err error) {
	opts.setDefaults()
	r := &Router{
		opts: opts, journal: opts.Journal, log: opts.Logger,
		lanes: map[string]*delivery.Lane{}, stop: make(chan struct{}),
	}
	r.reused.Interval = time.Minute
	r.base, r.abandon = context.WithCancel(context.Background())
	opts.Journal.KeepTouches(opts.Trace)
	r.metrics = newMetrics(opts.Registerer, r)
	r.gate = gate{journal: opts.Journal, maxPending: opts.MaxPending, minFree: opts.MinFreeDisk}
	if r.dedup, err = dedup.New(opts.Journal, opts.DedupWindow); err != nil {
		r.abandon()
		return nil, err
	}
	r.DeadLetters = dlq.New(dlq.Options{Journal: opts.Journal, Lanes: r, Render: r.Render, Request: r.Request, Log: opts.Logger})
	r.Traces = trace.NewReader(opts.Journal, r.TargetName)
	r.States = state.NewReader(opts.Journal, func() *catalog.Catalog { return r.Rules().Catalog })
	opts.Journal.OnFreed(r.freed)
	if r.Commands, err = commands.New(commands.Options{
		Journal: opts.Journal, Router: intake{r}, Log: opts.Logger, Registerer: opts.Registerer, Stop: r.stop,
	}); err != nil {
		r.abandon()
		return nil, err
	}
	r.lanesEnv = r.newLanesEnv()
	for name, id := range opts.Journal.Lanes() {
		r.lanes[name] = delivery.NewLane(&r.lanesEnv, name, id)
	}
	if err := r.loadPauses(); err != nil {
		r.abandon()
		return nil, err
	}
	if err = r.Swap(set); err != nil {
		r.abandon()
		return nil, err
	}
	return r, nil
}

// Start begins to deliver what is pending, and to drop what retention no longer
// keeps.
func (r *Router) Start() {
	if err := r.DeadLetters.Start(); err != nil {
		r.log.Error("redrives can't all go on; what they had under way goes back to the dead-letter queue", zap.Error(err))
	}
	r.resumeReleases()
	r.running.Store(true)
	for _, l := range r.allLanes() {
		l.Poke()
	}
	r.tellPauses()
	r.workers.Go(r.housekeep)
}

// Reopen lets targets that write to files open them again.
func (r *Router) Reopen() error {
	var errs []error
	for _, l := range r.allLanes() {
		t := l.Use()
		if t == nil {
			continue
		}
		if f, ok := t.Target.(targets.Reopener); ok {
			if err := f.Reopen(); err != nil {
				errs = append(errs, fmt.Errorf("target %q: %w", l.Name, err))
			}
		}
		t.Done()
	}
	return errors.Join(errs...)
}

func (r *Router) allLanes() []*delivery.Lane {
	r.laneMu.Lock()
	defer r.laneMu.Unlock()
	all := make([]*delivery.Lane, 0, len(r.lanes))
	for _, l := range r.lanes {
		all = append(all, l)
	}
	return all
}

// Rules is the set of rules that serves now.
func (r *Router) Rules() *rules.Set { return r.snapshot.Load().set }

// Swap makes a set of rules the one that serves, with its targets. On an error
// nothing changes. Deliveries already planned keep what they will send; one
// whose target is gone goes to the dead-letter queue.
func (r *Router) Swap(set *rules.Set) error {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	if err := r.swap(set); err != nil {
		return err
	}
	r.files = set
	return nil
}

// swap is Swap under the lock.
func (r *Router) swap(set *rules.Set) error {
	if r.gate.closed.Load() {
		return ErrStopping
	}
	set, err := r.withSubscriptions(set)
	if err != nil {
		return err
	}
	next := &snapshot{set: set, lanes: make(map[string]*delivery.Lane, len(set.Targets)), policies: policiesOf(set)}
	built := map[string]targets.Target{}
	discard := func(err error) error {
		for _, t := range built {
			err = errors.Join(err, t.Close())
		}
		return err
	}
	for name, cfg := range set.Targets {
		l, err := r.lane(name)
		if err != nil {
			return discard(err)
		}
		next.lanes[name] = l
		if l.Serves(cfg) {
			continue
		}
		t, err := r.newTarget(cfg)
		if err != nil {
			return discard(fmt.Errorf("target %q: %w", name, err))
		}
		built[name] = t
	}
	if err := r.filePauses(set); err != nil {
		return discard(err)
	}
	next.suspend(r.holdsNow())
	r.setBarriers(set)
	r.tellLanes(next.lanes)
	for name, t := range built {
		next.lanes[name].Assign(set.Targets[name], t)
	}
	if before := r.snapshot.Swap(next); before != nil {
		r.metrics.forgetRules(before.set, set)
	}
	r.startReleases()
	r.metrics.expect(set)
	r.whenFailed.Clear()
	for _, l := range r.allLanes() {
		if _, ok := set.Targets[l.Name]; !ok {
			l.Assign(targets.Config{}, nil)
			r.metrics.lanes.ForgetTarget(l.Name)
		}
	}
	return nil
}

func (r *Router) targetEnv() targets.Env {
	return targets.Env{
		Logger: r.log, Stdout: r.opts.Stdout, Version: r.opts.Version, Secrets: r.opts.Secrets, Accept: r.acceptInside,
	}
}

// lane gives the lane of a target, and makes it if the target is new.
func (r *Router) lane(name string) (*delivery.Lane, error) {
	r.laneMu.Lock()
	defer r.laneMu.Unlock()
	if l, ok := r.lanes[name]; ok {
		return l, nil
	}
	id, err := r.journal.Lane(name)
	if err != nil {
		return nil, err
	}
	l := delivery.NewLane(&r.lanesEnv, name, id)
	r.lanes[name] = l
	return l, nil
}

// LaneID gives a target's lane, if the target is one that serves now. It makes
// Router a dlq.Router.
func (r *Router) LaneID(target string) (journal.LaneID, bool) {
	l, ok := r.snapshot.Load().lanes[target]
	if !ok {
		return 0, false
	}
	return l.ID, true
}

// TargetName gives the name of a lane's target, be it gone.
func (r *Router) TargetName(id journal.LaneID) string {
	for _, l := range r.allLanes() {
		if l.ID == id {
			return l.Name
		}
	}
	return fmt.Sprintf("lane-%d", id)
}

// Requeue tells a lane of a delivery that has become ready again on disk. It
// makes Router a dlq.Router.
func (r *Router) Requeue(d journal.Delivery) {
	if l := r.laneOf(d.Lane); l != nil {
		l.Requeue(d)
	}
}

// laneOf finds a lane by its id; nil if there is none.
func (r *Router) laneOf(id journal.LaneID) *delivery.Lane {
	for _, l := range r.allLanes() {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// freed lets an order key go on that a dead letter had stopped.
func (r *Router) freed(id journal.LaneID, h journal.KeyHash) {
	if l := r.laneOf(id); l != nil {
		l.Unblocked(h)
	}
}

// newLanesEnv returns what lanes take from the router.
func (r *Router) newLanesEnv() delivery.Env {
	return delivery.Env{
		Store: r.journal, Log: r.log, Metrics: r.metrics.lanes, Window: r.opts.Window, WindowBytes: r.opts.WindowBytes,
		GoneWait: r.opts.TargetGoneWait, Base: r.base, Running: r.running.Load, Stopping: r.gate.closed.Load, Go: r.workers.Go,
		Policies: func() *delivery.Policies { return r.snapshot.Load().policies },
		Requests: commands.Stage{Service: r.Commands}, Redrives: r.DeadLetters, Derive: r.derive, Places: r.seqsOf,
		Resume: func(pause journal.HoldID) { r.heldLate(pause) }, Drained: r.drained,
	}
}

// housekeep drops old events from time to time.
func (r *Router) housekeep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			oldest, err := r.journal.Trim(r.opts.Retention)
			if err != nil {
				r.log.Error("old events can't be dropped", zap.Error(err))
			}
			r.Commands.Forget(oldest)
			if err := r.journal.TrimFingerprints(r.opts.DedupWindow); err != nil {
				r.log.Error("what tells repeats from first events can't be dropped", zap.Error(err))
			}
		}
	}
}
