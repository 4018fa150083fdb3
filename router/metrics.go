package router

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/delivery"
	"signalbox/delivery/circuit"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
)

// metrics are the router's figures for Prometheus.
type metrics struct {
	lanes      *delivery.Metrics
	accepts    prometheus.Counter
	unmatched  prometheus.Counter
	duplicates prometheus.Counter
	dropped    prometheus.Counter
	reused     prometheus.Counter
	refusals   *prometheus.CounterVec // code
	findings   *prometheus.CounterVec // bus, code, declared type
	matches    *prometheus.CounterVec // bus, rule
	whenErrors *prometheus.CounterVec // bus, rule
	unfolded   *prometheus.CounterVec // type of objects
	// ruleFigures has those of each *rules.Rule that serves now: to find them by labels takes
	// longer than to match most events.
	ruleFigures atomic.Pointer[sync.Map]
	activities  activities
}

func newMetrics(reg prometheus.Registerer, r *Router) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	m := &metrics{
		lanes:      delivery.NewMetrics(reg),
		accepts:    counter("signalbox_events_accepted_total", "Events acknowledged to their producers."),
		unmatched:  counter("signalbox_events_unmatched_total", "Accepted events that no rule matched."),
		duplicates: counter("signalbox_events_duplicate_total", "Repeats of events, answered with the id of the first."),
		dropped:    counter("signalbox_dead_letters_dropped_total", "Dead letters that were dropped as dlq.max_age or dlq.max_bytes say."),
		reused:     counter("signalbox_events_id_reused_total", "Accepted events with the id and source of another event, and other content."),
		refusals:   counters("signalbox_events_refused_total", "Events refused by the router, by error code.", "code"),
		findings:   counters("signalbox_catalog_warnings_total", "Accepted events that ingest warned of, by bus, code and declared type.", "bus", "code", "type"),
		matches:    counters("signalbox_rule_matches_total", "Events that a rule matched, those of shadow rules too.", "bus", "rule"),
		unfolded:   counters("signalbox_state_fold_errors_total", "Events that could not be folded into the state of their object, by its type.", "type"),
		whenErrors: counters("signalbox_rule_condition_errors_total", "Events on which a rule's condition failed; it did not match them.", "bus", "rule"),
	}
	m.ruleFigures.Store(new(sync.Map))
	m.refusals.WithLabelValues(event.CodeNotFound)
	m.refusals.WithLabelValues(event.CodeInvalidArgument)
	m.refusals.WithLabelValues(event.CodeNoHandler)
	m.refusals.WithLabelValues(event.CodeSeveralHandlers)
	reg.MustRegister(&accounts{r: r})
	return m
}

// serve takes in the rules that serve now: the figures of every target are there from the
// start, those of a rule from its first event on, and not at all where there are more rules
// than mostRules. Where there are more than mostTargets, all targets share their figures.
// Before is what served until now; nil where nothing has.
func (m *metrics) serve(before, now *rules.Set, mostRules, mostTargets int) {
	m.lanes.EachTarget(len(now.Targets) <= mostTargets)
	for name := range now.Targets {
		m.lanes.ExpectTarget(name)
	}
	each := len(now.Rules) <= mostRules
	if m.lanes.EachRule(each) {
		m.matches.Reset()
		m.whenErrors.Reset()
		m.activities.reset()
	}
	if before != nil && each {
		m.forgetRules(before, now)
	}
	m.ruleFigures.Store(new(sync.Map))
}

// ofRule returns the figures of a rule.
func (m *metrics) ofRule(rule *rules.Rule) *ruleFigures {
	known := m.ruleFigures.Load()
	if f, ok := known.Load(rule); ok {
		return f.(*ruleFigures)
	}
	f := &ruleFigures{m.matches.WithLabelValues(rule.Bus, rule.Name), m.activities.get(delivery.Rule{Bus: rule.Bus, Name: rule.Name})}
	known.Store(rule, f)
	return f
}

// forgetRules removes the figures of rules that are gone, so that those of a router
// whose rules come and go do not grow without end.
func (m *metrics) forgetRules(before, now *rules.Set) {
	kept := make(map[delivery.Rule]bool, len(now.Rules))
	for _, rule := range now.Rules {
		kept[delivery.Rule{Bus: rule.Bus, Name: rule.Name}] = true
	}
	var gone []delivery.Rule
	for _, rule := range before.Rules {
		if r := (delivery.Rule{Bus: rule.Bus, Name: rule.Name}); !kept[r] {
			m.matches.DeleteLabelValues(rule.Bus, rule.Name)
			m.whenErrors.DeleteLabelValues(rule.Bus, rule.Name)
			gone = append(gone, r)
		}
	}
	m.lanes.ForgetRules(gone)
	m.activities.forget(gone)
}

func (m *metrics) accepted(p *plan, now time.Time) {
	m.accepts.Inc()
	matched := false
	for _, x := range p.matched {
		if x.Err == nil {
			matched = true
			if m.lanes.OfEachRule() {
				of := m.ofRule(x.Rule)
				of.matches.Inc()
				of.matched.Store(now.UnixNano())
			}
		}
	}
	if !matched {
		m.unmatched.Inc()
	}
}

// conditionFailed counts an event on which a rule's condition failed.
func (m *metrics) conditionFailed(rule *rules.Rule, id string, err error, now time.Time) {
	if m.lanes.OfEachRule() {
		m.whenErrors.WithLabelValues(rule.Bus, rule.Name).Inc()
		m.activities.get(delivery.Rule{Bus: rule.Bus, Name: rule.Name}).failedOn(id, err, now)
	}
}

func (m *metrics) refused(err error) {
	var e *event.Error
	if errors.As(err, &e) {
		m.refusals.WithLabelValues(e.Code).Inc()
	}
}

// accounts shows the journal's own counts, which restarts do not set back.
type accounts struct{ r *Router }

var (
	descPending = prometheus.NewDesc("signalbox_deliveries_pending", "Deliveries that have neither ended nor died.", []string{"target", "state"}, nil)
	descBlocked = prometheus.NewDesc("signalbox_order_keys_blocked", "Ordering keys whose head waits or has stopped them, or that have parked deliveries.", []string{"target"}, nil)
	descDead    = prometheus.NewDesc("signalbox_dead_letters", "Deliveries in the dead-letter queue.", []string{"target"}, nil)
	descLetters = prometheus.NewDesc("signalbox_dead_letters_bytes", "Bytes that dead letters take on disk, about.", nil, nil)
	descOldest  = prometheus.NewDesc("signalbox_oldest_pending_seconds", "Age of a target's oldest ready or waiting delivery since its event was accepted, or it was sent again; 0 for none.", []string{"target"}, nil)
	descCircuit = prometheus.NewDesc("signalbox_target_circuit", "1 for the state that a target's circuit breaker is in, 0 for the others.", []string{"target", "state"}, nil)
	descRedrive = prometheus.NewDesc("signalbox_redrives_running", "Redrives that send dead letters again.", nil, nil)
	descReplays = prometheus.NewDesc("signalbox_replays_running", "Replays of past events that are at work, or paused.", nil, nil)
	descPaused  = prometheus.NewDesc("signalbox_target_paused", "1 while a target is paused, else 0.", []string{"target"}, nil)
	descHeld    = prometheus.NewDesc("signalbox_rule_held", "Deliveries that a paused rule suspends; absent while it is not paused.", []string{"bus", "rule"}, nil)
	descFsyncs  = prometheus.NewDesc("signalbox_journal_fsync_seconds", "Time that an fsync of the journal's log took.", nil, nil)
	descMemory  = prometheus.NewDesc("signalbox_lanes_memory_bytes", "Memory that targets' deliveries and their events take.", nil, nil)
	descDisk    = prometheus.NewDesc("signalbox_journal_bytes", "Bytes that the journal takes on disk.", nil, nil)
)

func (a *accounts) Describe(c chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{descPending, descBlocked, descDead, descOldest, descLetters, descCircuit, descPaused, descHeld, descRedrive, descReplays, descFsyncs, descMemory, descDisk} {
		c <- d
	}
}

// laneFigures are those of one lane, or of all where targets share theirs.
type laneFigures struct {
	journal.Counts
	paused   uint64
	circuits map[circuit.State]uint64
	oldest   time.Duration
}

// lanes returns the figures of all lanes, by the target that they are shown as.
func (a *accounts) lanes() map[string]*laneFigures {
	all, now := map[string]*laneFigures{}, time.Now()
	for _, l := range a.r.Lanes.all() {
		n, status := a.r.journal.Counters.LaneCounts(l.ID), l.Status()
		if status.State == delivery.Gone && n.Pending() == 0 && n.Dead == 0 {
			continue
		}
		name := a.r.metrics.lanes.ShownTarget(l.Name)
		of := all[name]
		if of == nil {
			of = &laneFigures{circuits: map[circuit.State]uint64{}}
			all[name] = of
		}
		of.Add(n)
		of.paused += indicator(status.State == delivery.Paused)
		of.circuits[status.CircuitState]++
		if oldest := l.Oldest(); !oldest.IsZero() {
			of.oldest = max(of.oldest, now.Sub(oldest))
		}
	}
	return all
}

// Collect counts what is there now.
func (a *accounts) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for name, of := range a.lanes() {
		gauge(descPending, of.Ready, name, "ready")
		gauge(descPending, of.Waiting, name, "waiting")
		gauge(descPending, of.Parked, name, "parked")
		gauge(descPending, of.Held, name, "held")
		gauge(descBlocked, of.BlockedKeys, name)
		gauge(descDead, of.Dead, name)
		gauge(descPaused, of.paused, name)
		for _, state := range circuit.States {
			gauge(descCircuit, of.circuits[state], name, string(state))
		}
		c <- prometheus.MustNewConstMetric(descOldest, prometheus.GaugeValue, of.oldest.Seconds(), name)
	}
	gauge(descMemory, uint64(max(0, a.r.Lanes.env.Shared.Used())))
	gauge(descRedrive, uint64(a.r.DeadLetters.Running()))
	gauge(descReplays, uint64(a.r.Replays.Running()))
	for _, p := range a.r.Pauses.Rules() {
		gauge(descHeld, p.Held, p.Bus, p.Name)
	}
	if n, err := a.r.journal.Deliveries.DeadBytes(); err == nil {
		gauge(descLetters, n)
	}
	m := a.r.journal.Metrics()
	gauge(descDisk, m.DiskSpaceUsage())
	if h := fsyncs(m); h != nil {
		c <- h
	}
}

// fsyncs turns the store's histogram of nanoseconds into one of seconds.
func fsyncs(m *store.Metrics) prometheus.Metric {
	count, sum, buckets := m.Fsyncs()
	h, err := prometheus.NewConstHistogram(descFsyncs, count, sum, buckets)
	if err != nil {
		return nil
	}
	return h
}

// indicator is 1 for true, else 0.
func indicator(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
