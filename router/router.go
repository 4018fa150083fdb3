// Package router takes events from acceptance to the end of their deliveries:
// accept, match, append, hand over, settle.
package router

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/archive/past"
	"signalbox/catalog"
	"signalbox/commands"
	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/machine"
	"signalbox/replay"
	"signalbox/router/pause"
	"signalbox/rules"
	"signalbox/secret"
	"signalbox/state"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/fn"
	"signalbox/telemetry"
	"signalbox/trace"
)

// Options are what a router is made of. Journal is required; the rest have
// defaults.
type Options struct {
	Journal    *store.Journal
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
	Retention   store.Retention
	// Past reads the events that are kept, from archives too; the default reads the store alone.
	Past *past.Reader
	// DedupWindow is for how long a repeat of an event on arrival is known as
	// one; 0 takes every event.
	DedupWindow time.Duration
	// Window and WindowBytes bound what one lane holds in memory, in deliveries
	// and in bytes.
	Window      int
	WindowBytes int
	// Memory bounds what all lanes hold of events, in bytes; 0 does not.
	Memory int64
	// MetricsMaxRules is the most rules of which each has figures of its own.
	MetricsMaxRules int
	// MetricsMaxTargets is the most targets of which each has figures of its own.
	MetricsMaxTargets int
	// TargetGoneWait is how long the deliveries of a target that vanishes from the
	// rules wait for it before they go to the dead-letter queue; 0 is not at all.
	TargetGoneWait time.Duration
	// DeadLetters bounds the dead-letter queue.
	DeadLetters dlq.Bounds
	// Trace keeps what rules said of events and what came of their deliveries.
	Trace bool
	// MaxHops is how many steps may lie between an event and the one that its
	// story began with; 32 by default.
	MaxHops int
	// MaxDerived is how many events may come of one by replies and buses, of all that come of it
	// together; 10,000 by default.
	MaxDerived int
	// NewTarget makes the targets; the default is targets.New.
	NewTarget func(targets.Config, targets.Env) (targets.Target, error)
	// Secrets resolves the references to secrets in targets.
	Secrets secret.Source
	// Egress says what targets may connect to; nil denies what gives credentials of the machine.
	Egress *egress.Guard
	// PublicURL is where this router is reached, without a slash at its end, for
	// the references in notifications.
	PublicURL string
	// processorsShort reports whether something waits for a processor now; the default is
	// machine.ProcessorsShort.
	processorsShort func() bool
	// Version is the program's, for the User-Agent of HTTP targets.
	Version string
	// Leads reports whether this router may deliver, of those of a cluster, and Takes whether it may take events in;
	// both are nil where it is alone.
	Leads, Takes func() bool
	// Tracer takes spans of events and attempts; nil takes none.
	Tracer *telemetry.Tracer
}

// DefaultMaxHops is how many hops an event may make where nothing else is said.
const DefaultMaxHops = 32

// DefaultMetricsMaxRules is the most rules of which each has figures of its own where nothing
// else is said: six series a rule are then at most 30,000.
const DefaultMetricsMaxRules = 5000

// DefaultMetricsMaxTargets is the most targets of which each has figures of its own where
// nothing else is said: some 60 series a target are then at most 60,000.
const DefaultMetricsMaxTargets = 1000

// DefaultMaxDerived is how many events may come of one where nothing else is said.
const DefaultMaxDerived = 10_000

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
	if o.Past == nil {
		o.Past = past.Of(o.Journal.Events, o.Journal.Seqs)
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
	if o.MetricsMaxRules <= 0 {
		o.MetricsMaxRules = DefaultMetricsMaxRules
	}
	if o.MetricsMaxTargets <= 0 {
		o.MetricsMaxTargets = DefaultMetricsMaxTargets
	}
	if o.MaxDerived <= 0 {
		o.MaxDerived = DefaultMaxDerived
	}
	if o.processorsShort == nil {
		o.processorsShort = machine.ProcessorsShort
	}
	if o.NewTarget == nil {
		o.NewTarget = targets.New
	}
}

// Router routes events. It is safe for concurrent use.
type Router struct {
	opts    Options
	journal *store.Journal
	log     *zap.Logger
	metrics *metrics
	// DeadLetters is the dead-letter queue.
	DeadLetters *dlq.Queue
	// Replays send events of the past again.
	Replays *replay.Replays
	// Commands follows commands and queries.
	Commands *commands.Service
	// Lanes are the queues of targets, Pauses those of rules and targets.
	Lanes  Lanes
	Pauses *pause.Pauses
	// Traces reads the events that are kept, and States the states of objects.
	Traces *trace.Reader
	States *state.Keeper

	// snapshot is written by Swap alone, under swapMu.
	snapshot atomic.Pointer[snapshot]
	swapMu   sync.Mutex
	// files are the rules without those of subscriptions; both are guarded by
	// swapMu.
	files      *rules.Set
	subscribed map[string]*subscription
	// decoders take dead letters of sources in again, by the name of the source; they are
	// guarded by swapMu.
	decoders map[string]*fn.Options

	gate gate
	// backpressure is what lanes exert on intake.
	backpressure *delivery.Backpressure
	// yield is what replays give way by.
	yield  *delivery.Yield
	intake intake

	// base is cancelled when attempts under way must end.
	base    context.Context
	abandon context.CancelFunc
	// workers counts the goroutines that the router has started.
	workers  sync.WaitGroup
	stop     chan struct{}
	stopOnce sync.Once
	running  atomic.Bool
}

// snapshot is one revision of the rules, and the lanes of its targets.
type snapshot struct {
	set   *rules.Set
	lanes map[string]*delivery.Lane
	// policies are what the rules say of deliveries.
	policies *delivery.Policies
}

// policiesOf returns what a set says of deliveries. lanes are those of its targets.
func (r *Router) policiesOf(set *rules.Set, lanes map[string]*delivery.Lane) *delivery.Policies {
	p := &delivery.Policies{Retries: map[delivery.Entry]targets.Retry{}, Suspended: r.Pauses.Suspended}
	for _, t := range set.Targets {
		p.Longest = max(p.Longest, t.Retry.MaxBackoff)
	}
	for _, rule := range set.Rules {
		for i := range rule.Targets {
			t := &rule.Targets[i]
			entry := delivery.Entry{Bus: rule.Bus, Rule: rule.Name, Entry: t.ID}
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
			if t.DeadLetter != "" {
				if p.DeadLetters == nil {
					p.DeadLetters = map[delivery.Entry]delivery.DeadLetterTarget{}
				}
				p.DeadLetters[entry] = delivery.DeadLetterTarget{
					Lane: lanes[t.DeadLetter].ID, RuleARN: rules.RuleARN(r.opts.Region, r.opts.Account, rule.Bus, rule.Name), TargetARN: set.TargetARN(t.Target, t.ARN, r.opts.Region, r.opts.Account),
				}
			}
		}
	}
	return p
}

// ErrStopping is the error of events that come while the router stops.
var ErrStopping = delivery.ErrStopping

// New makes a router of a first set of rules. Deliveries begin with Start.
func New(opts Options, set *rules.Set) (*Router, error) {
	opts.setDefaults()
	r := &Router{opts: opts, journal: opts.Journal, log: opts.Logger, stop: make(chan struct{})}
	r.Lanes = Lanes{journal: opts.Journal, swap: &r.swapMu}
	r.base, r.abandon = context.WithCancel(context.Background())
	opts.Journal.Traces.Keep(opts.Trace)
	r.metrics = newMetrics(opts.Registerer, r)
	r.gate = gate{journal: opts.Journal, takes: opts.Takes, maxPending: opts.MaxPending, minFree: opts.MinFreeDisk}
	r.DeadLetters = dlq.New(dlq.Options{Journal: opts.Journal, Lanes: &r.Lanes, Log: opts.Logger,
		Render: func(e *event.Event, rec *journal.Record, bus, rule, entry string) (dlq.Rendering, error) {
			return r.planner().redriven(e, rec, bus, rule, entry)
		},
		Request: func(target string, d *targets.Delivery) (targets.Request, error) {
			return r.planner().request(target, d)
		},
	})
	r.Traces = trace.NewReader(opts.Journal, opts.Past, r.Lanes.TargetName)
	r.States = state.NewKeeper(state.NewReader(opts.Journal, opts.Past, func() *catalog.Catalog { return r.Rules().Catalog }), opts.Logger)
	r.States.OnFault = func(kind string) { r.metrics.unfolded.WithLabelValues(kind).Inc() }
	opts.Journal.OnFreed(r.Lanes.unblock)
	opts.Journal.OnForwarded(r.Lanes.Requeue)
	if err := r.begin(set); err != nil {
		r.abandon()
		return nil, err
	}
	return r, nil
}

// begin reads what the journal knows, and makes the first rules serve.
func (r *Router) begin(set *rules.Set) (err error) {
	if err := r.intake.init(r); err != nil {
		return err
	}
	if r.Commands, err = commands.New(commands.Options{
		Journal: r.journal, Router: &r.intake, Log: r.log, Registerer: r.opts.Registerer, Stop: r.stop,
	}); err != nil {
		return err
	}
	if r.Pauses, err = pause.New(r.pauseOptions()); err != nil {
		return err
	}
	if err := r.Pauses.TakeRestored(set); err != nil {
		return err
	}
	r.intake.pauses, r.Lanes.pauses = r.Pauses, r.Pauses
	r.backpressure = delivery.NewBackpressure(r.opts.processorsShort)
	r.yield = delivery.NewYield(r.liveTraffic, r.opts.processorsShort)
	r.Lanes.env = r.lanesEnv()
	r.Lanes.open()
	r.Replays = r.newReplays()
	if err := r.Replays.Load(); err != nil {
		r.log.Error("replays can't all continue; what they had planned is delivered", zap.Error(err))
	}
	if err := r.Lanes.openLost(); err != nil {
		return err
	}
	return r.Swap(set)
}

// Start begins to deliver what is pending, and to drop what retention no longer
// keeps.
func (r *Router) Start() {
	if err := r.DeadLetters.Start(); err != nil {
		r.log.Error("redrives can't all continue; what they had under way goes back to the dead-letter queue", zap.Error(err))
	}
	r.Pauses.Recover()
	r.running.Store(true)
	for _, l := range r.Lanes.all() {
		l.Poke()
	}
	r.Pauses.Start()
	r.Replays.Start()
	r.workers.Go(r.housekeep)
	r.workers.Go(func() { r.States.Run(r.stop) })
	r.workers.Go(func() { r.States.RunRebuilds(r.stop) })
}

// Accept takes events in. The slice that it returns has an entry for each: nil
// where the event and its plan are on disk and its ID is set, else an
// *event.Error that says why it was refused. The error is for the whole call:
// *Busy, ErrStopping, or a store that fails; then nothing was accepted.
//
// A repeat of an event that was accepted within the dedup window is not taken in
// again: it gets the ID of the first, its Duplicate is set, and its error is nil.
func (r *Router) Accept(ctx context.Context, evs []*event.Event) ([]error, error) {
	for _, e := range evs {
		e.Meta.Bus = r.opts.localBus(e.Meta.Bus)
	}
	return r.intake.acceptNew(ctx, evs, nil)
}

// Plan returns what would become of an event, and does nothing. The error is an
// *event.Error where the event would be refused.
func (r *Router) Plan(_ context.Context, e *event.Event) (*Plan, error) {
	seq := r.journal.Seqs.Reserve(1)
	seq.Release() // the number is used for the preview alone
	return r.planner().show(e, seq.At(0))
}

// Discover looks at the latest events that are kept, up to limit, accepted at since
// or later, and returns what the details of each type look like, and where they differ
// from the catalog.
func (r *Router) Discover(ctx context.Context, since time.Time, limit int) (*Discovered, error) {
	return discover(ctx, r.journal, r.Rules().Catalog, since, limit)
}

// Ready returns why the router can't accept events now: a *Busy, or ErrStopping; nil
// if it can.
func (r *Router) Ready() error { return r.gate.admit() }

// IntakeLimit returns how many requests that bring events are to be worked on at once, so
// that deliveries to targets that do well keep up where the processor is short.
func (r *Router) IntakeLimit() int { return r.backpressure.Limit() }

// ArrivalWarnings returns what has been let in with a warning since the start, by type and
// code.
func (r *Router) ArrivalWarnings() []ArrivalWarnings { return r.intake.warned.all() }

// Accounts are the router's counters, exact and durable.
type Accounts struct {
	Events     journal.EventCounts `json:"events"`
	Deliveries journal.Counts      `json:"deliveries"`
}

// Accounts returns the counters of all events and deliveries.
func (r *Router) Accounts() Accounts {
	d, e := r.journal.Counters.Totals()
	return Accounts{Events: e, Deliveries: d}
}

// Reopen lets targets that write to files open them again.
func (r *Router) Reopen() error { return r.Lanes.reopen() }

// Rules returns the set of rules that serves now.
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
	all := r.withSources(set)
	next := &snapshot{set: set, lanes: make(map[string]*delivery.Lane, len(all))}
	built := map[string]targets.Target{}
	discard := func(err error) error {
		for _, t := range built {
			err = errors.Join(err, t.Close())
		}
		return err
	}
	for name, cfg := range all {
		l, err := r.Lanes.of(name)
		if err != nil {
			return discard(err)
		}
		next.lanes[name] = l
		if l.Serves(cfg) {
			continue
		}
		t, err := r.newTarget(cfg)
		if err != nil {
			return discard(err)
		}
		built[name] = t
	}
	next.policies = r.policiesOf(set, next.lanes)
	if err := r.Pauses.TakeFiles(set); err != nil {
		return discard(err)
	}
	changed, err := r.States.Declare(set.Catalog)
	if err != nil {
		return discard(err)
	}
	for _, kind := range changed {
		r.log.Warn("the fold has changed since the states were made: signalbox state rebuild makes them anew", zap.String("type", kind))
	}
	r.Pauses.Apply(set, next.lanes)
	for name, t := range built {
		next.lanes[name].Assign(all[name], t)
	}
	var served *rules.Set
	if before := r.serve(next); before != nil {
		served = before.set
	}
	r.metrics.serve(served, set, r.opts.MetricsMaxRules, r.opts.MetricsMaxTargets)
	r.Pauses.Release()
	r.intake.whenFailed.Clear()
	for _, l := range r.Lanes.all() {
		if _, ok := all[l.Name]; !ok && !ofReplay(l) {
			l.Assign(targets.Config{}, nil)
			r.metrics.lanes.ForgetTarget(l.Name)
		}
	}
	r.Lanes.share()
	return nil
}

// serve makes a snapshot the one that serves, and returns the one before. For what begins in the
// past, that ends with the last event that the rules before have planned.
func (r *Router) serve(next *snapshot) *snapshot {
	starting := r.Replays.Unstarted(next.set.Starting())
	r.intake.turn.Lock()
	defer r.intake.turn.Unlock()
	if len(starting) > 0 {
		bound := r.journal.Seqs.Reserve(1)
		defer bound.Release()
		if err := r.Replays.StartBefore(bound.First, starting); err != nil {
			r.log.Error("what begins in the past can't begin; it is tried again when the rules are next loaded", zap.Error(err))
		}
	}
	return r.snapshot.Swap(next)
}

func (r *Router) targetEnv() targets.Env {
	return targets.Env{
		Logger: r.log, Stdout: r.opts.Stdout, Version: r.opts.Version, Secrets: r.opts.Secrets, Accept: r.intake.acceptInside, Egress: r.opts.Egress,
	}
}

// lanesEnv returns what lanes take from the router.
func (r *Router) lanesEnv() delivery.Env {
	return delivery.Env{
		Store: r.store(), Log: r.log, Metrics: r.metrics.lanes, Tracer: r.opts.Tracer, Window: r.opts.Window, WindowBytes: r.opts.WindowBytes,
		Shared: queue.NewSharedMemory(r.opts.Memory), Backpressure: r.backpressure, Yield: r.yield,
		GoneWait: r.opts.TargetGoneWait, Base: r.base, Running: r.running.Load, Stopping: r.gate.closed.Load, Leads: r.opts.Leads, Go: r.workers.Go,
		Policies: func() *delivery.Policies { return r.snapshot.Load().policies },
		Requests: commands.Stage{Service: r.Commands}, Redrives: r.DeadLetters, Derive: r.intake.derive, Died: r.intake.died, Places: r.intake.seqsOf,
		Resume: func(hold journal.HoldID) { r.Pauses.Late(hold) }, Drained: r.Pauses.Drained,
	}
}

// store returns what lanes take from the journal.
func (r *Router) store() delivery.Store {
	j := r.journal
	disk := queue.Store{Rows: j.Deliveries, Keys: j.Keys, Watermark: j.Seqs, FreeKeys: j.FreeKeys}
	return delivery.Store{Store: disk, Writer: j, Counters: j.Counters}
}

// pauseOptions returns what pauses take from the router.
func (r *Router) pauseOptions() pause.Options {
	return pause.Options{
		Journal: r.journal, Log: r.log, Lanes: r.Lanes.all, Replays: r.Lanes.ofReplays, LaneOf: r.Lanes.byID,
		Serving: func() (*rules.Set, map[string]*delivery.Lane) { s := r.snapshot.Load(); return s.set, s.lanes },
		Lock:    &r.swapMu, Running: r.running.Load, Stopping: r.gate.closed.Load, Stop: r.stop, Go: r.workers.Go,
	}
}

// housekeep drops old events from time to time.
func (r *Router) housekeep() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	trim := r.DeadLetters.NewTrimmer(r.opts.DeadLetters)
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			oldest, err := r.journal.Trimmer.Trim(r.opts.Retention)
			if err != nil {
				r.log.Error("old events can't be dropped", zap.Error(err))
			}
			r.Commands.Forget(oldest)
			if err := r.journal.Repeats.Trim(r.opts.DedupWindow); err != nil {
				r.log.Error("what tells repeats from first events can't be dropped", zap.Error(err))
			}
			dropped, err := trim(r.base)
			if err != nil {
				r.log.Error("dead letters beyond the bounds can't be dropped", zap.Error(err))
			}
			r.metrics.dropped.Add(float64(dropped))
		}
	}
}
