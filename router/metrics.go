package router

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
)

// The outcomes of a delivery, as its metrics call them.
const (
	outcomeDelivered = "delivered"
	outcomeDead      = "dead"
	outcomeDropped   = "dropped"
)

// metrics are the router's figures for Prometheus.
type metrics struct {
	accepts      prometheus.Counter
	unmatched    prometheus.Counter
	duplicates   prometheus.Counter
	refusals     *prometheus.CounterVec // code
	findings     *prometheus.CounterVec // bus, code, declared type
	matches      *prometheus.CounterVec // bus, rule
	whenErrors   *prometheus.CounterVec // bus, rule
	deliveries   *prometheus.CounterVec // rule, target, outcome
	attempts     *prometheus.CounterVec // target, code ("" is a success)
	retries      *prometheus.CounterVec // target
	opened       *prometheus.CounterVec // target
	toAttempt    *prometheus.HistogramVec
	toSuccess    *prometheus.HistogramVec
	attemptTimes *prometheus.HistogramVec
	workSteps    *prometheus.CounterVec // type
	workIgnored  *prometheus.CounterVec // reason
	requests     *prometheus.CounterVec // kind, outcome
	queryDrops   *prometheus.CounterVec // reason
}

// latencies are the upper bounds of histograms of seconds.
var latencies = []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4, 8, 16, 60, 300, 3600, 86400}

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
	seconds := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies}, []string{"target"})
		reg.MustRegister(h)
		return h
	}
	m := &metrics{
		accepts:      counter("signalbox_events_accepted_total", "Events acknowledged to their producers."),
		unmatched:    counter("signalbox_events_unmatched_total", "Accepted events that no rule matched."),
		duplicates:   counter("signalbox_events_duplicate_total", "Repeats of events, answered with the id of the first."),
		refusals:     counters("signalbox_events_refused_total", "Events refused by the router, by error code.", "code"),
		findings:     counters("signalbox_catalog_warnings_total", "Accepted events that the door warned of, by bus, code and declared type.", "bus", "code", "type"),
		matches:      counters("signalbox_rule_matches_total", "Events that a rule matched, those of shadow rules too.", "bus", "rule"),
		whenErrors:   counters("signalbox_rule_condition_errors_total", "Events on which a rule's condition failed; it did not match them.", "bus", "rule"),
		deliveries:   counters("signalbox_deliveries_total", "Deliveries that ended, by outcome.", "rule", "target", "outcome"),
		attempts:     counters("signalbox_attempts_total", "Attempts at deliveries; code is empty for those that succeeded.", "target", "code"),
		retries:      counters("signalbox_retries_total", "Attempts that were put off to be made again.", "target"),
		opened:       counters("signalbox_circuit_opened_total", "Times that a target's circuit breaker opened.", "target"),
		toAttempt:    seconds("signalbox_first_attempt_seconds", "Time from acceptance to the first attempt."),
		toSuccess:    seconds("signalbox_delivered_seconds", "Time from acceptance to the successful attempt's end."),
		attemptTimes: seconds("signalbox_attempt_seconds", "Time that a successful attempt took."),
	}
	m.refusals.WithLabelValues(event.CodeNotFound)
	m.refusals.WithLabelValues(event.CodeInvalidArgument)
	m.refusals.WithLabelValues(event.CodeNoHandler)
	m.refusals.WithLabelValues(event.CodeSeveralHandlers)
	m.expectRequests(counters)
	reg.MustRegister(&accounts{r: r})
	return m
}

// expect makes the counters of every rule and target there from the start.
func (m *metrics) expect(set *rules.Set) {
	for name := range set.Targets {
		m.attempts.WithLabelValues(name, "")
		m.retries.WithLabelValues(name)
		m.opened.WithLabelValues(name)
		m.toAttempt.WithLabelValues(name)
		m.toSuccess.WithLabelValues(name)
		m.attemptTimes.WithLabelValues(name)
	}
	for _, rule := range set.Rules {
		m.matches.WithLabelValues(rule.Bus, rule.Name)
		m.whenErrors.WithLabelValues(rule.Bus, rule.Name)
		for _, t := range rule.Targets {
			for _, o := range [...]string{outcomeDelivered, outcomeDead, outcomeDropped} {
				m.deliveries.WithLabelValues(rule.Name, t.Target, o)
			}
		}
	}
}

// forget removes the figures of a target that is gone.
func (m *metrics) forget(target string) {
	gone := prometheus.Labels{"target": target}
	m.attempts.DeletePartialMatch(gone)
	m.retries.DeletePartialMatch(gone)
	m.opened.DeletePartialMatch(gone)
	m.toAttempt.DeletePartialMatch(gone)
	m.toSuccess.DeletePartialMatch(gone)
	m.attemptTimes.DeletePartialMatch(gone)
}

// forgetRules removes the figures of rules that are gone, so that those of a router
// whose rules come and go do not grow without end.
func (m *metrics) forgetRules(before, now *rules.Set) {
	type key struct{ bus, name string }
	kept, names := map[key]bool{}, map[string]bool{}
	for _, rule := range now.Rules {
		kept[key{rule.Bus, rule.Name}], names[rule.Name] = true, true
	}
	for _, rule := range before.Rules {
		if !kept[key{rule.Bus, rule.Name}] {
			m.matches.DeleteLabelValues(rule.Bus, rule.Name)
			m.whenErrors.DeleteLabelValues(rule.Bus, rule.Name)
		}
		if !names[rule.Name] {
			m.deliveries.DeletePartialMatch(prometheus.Labels{"rule": rule.Name})
		}
	}
}

func (m *metrics) accepted(p *plan) {
	m.accepts.Inc()
	matched := false
	for _, x := range p.matched {
		if x.Err == nil {
			matched = true
			m.matches.WithLabelValues(x.Rule.Bus, x.Rule.Name).Inc()
		}
	}
	if !matched {
		m.unmatched.Inc()
	}
}

func (m *metrics) refused(err error) {
	var e *event.Error
	if errors.As(err, &e) {
		m.refusals.WithLabelValues(e.Code).Inc()
	}
}

func (m *metrics) firstAttempt(target string, wait time.Duration) {
	m.toAttempt.WithLabelValues(target).Observe(wait.Seconds())
}

func (m *metrics) delivered(rule, target string, took, whole time.Duration) {
	m.ended(rule, target, outcomeDelivered)
	m.attempts.WithLabelValues(target, "").Inc()
	m.attemptTimes.WithLabelValues(target).Observe(took.Seconds())
	m.toSuccess.WithLabelValues(target).Observe(whole.Seconds())
}

func (m *metrics) failed(target, code string) { m.attempts.WithLabelValues(target, code).Inc() }

func (m *metrics) died(rule, target string) { m.ended(rule, target, outcomeDead) }

func (m *metrics) ended(rule, target, outcome string) {
	m.deliveries.WithLabelValues(rule, target, outcome).Inc()
}

// accounts shows the journal's own counts, which restarts do not set back.
type accounts struct{ r *Router }

var (
	descPending = prometheus.NewDesc("signalbox_deliveries_pending", "Deliveries that have neither ended nor died.", []string{"target", "state"}, nil)
	descBlocked = prometheus.NewDesc("signalbox_order_keys_blocked", "Order keys whose head waits or has stopped them, or that have parked deliveries.", []string{"target"}, nil)
	descDead    = prometheus.NewDesc("signalbox_dead_letters", "Deliveries in the dead-letter queue.", []string{"target"}, nil)
	descCircuit = prometheus.NewDesc("signalbox_target_circuit", "1 for the state that a target's circuit breaker is in, 0 for the others.", []string{"target", "state"}, nil)
	descRedrive = prometheus.NewDesc("signalbox_redrives_running", "Redrives that send dead letters again.", nil, nil)
	descPaused  = prometheus.NewDesc("signalbox_target_paused", "1 while a target is paused, else 0.", []string{"target"}, nil)
	descHeld    = prometheus.NewDesc("signalbox_rule_held", "Deliveries that a paused rule holds back; absent while it is not paused.", []string{"bus", "rule"}, nil)
	descFsyncs  = prometheus.NewDesc("signalbox_journal_fsync_seconds", "Time that an fsync of the journal's log took.", nil, nil)
	descWorks   = prometheus.NewDesc("signalbox_work_requests_open", "Work requests that have not ended.", nil, nil)
	descAskers  = prometheus.NewDesc("signalbox_askers", "Senders of commands and queries that wait for an answer.", nil, nil)
	descDisk    = prometheus.NewDesc("signalbox_journal_bytes", "Bytes that the journal takes on disk.", nil, nil)
)

func (a *accounts) Describe(c chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{descPending, descBlocked, descDead, descCircuit, descPaused, descHeld, descRedrive, descFsyncs, descDisk, descWorks, descAskers} {
		c <- d
	}
}

func (a *accounts) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for _, l := range a.r.allLanes() {
		n := a.r.journal.LaneCounts(l.id)
		if !l.inUse() && n.Pending() == 0 && n.Dead == 0 {
			continue
		}
		gauge(descPending, n.Ready, l.name, "ready")
		gauge(descPending, n.Waiting, l.name, "waiting")
		gauge(descPending, n.Parked, l.name, "parked")
		gauge(descBlocked, n.BlockedKeys, l.name)
		gauge(descPending, n.Held, l.name, "held")
		gauge(descDead, n.Dead, l.name)
		gauge(descPaused, l.pausedGauge(), l.name)
		for _, s := range circuitStates {
			is := uint64(0)
			if s == l.circuitState() {
				is = 1
			}
			gauge(descCircuit, is, l.name, string(s))
		}
	}
	gauge(descRedrive, uint64(a.r.DeadLetters.Running()))
	for _, p := range a.r.RulePauses() {
		gauge(descHeld, p.Held, p.Bus, p.Name)
	}
	m := a.r.journal.Metrics()
	gauge(descDisk, m.DiskSpaceUsage())
	gauge(descWorks, uint64(max(0, a.r.works.open.Load())))
	gauge(descAskers, uint64(a.r.askers.waiting.Load()))
	if h := fsyncs(m); h != nil {
		c <- h
	}
}

// fsyncs turns the store's histogram of nanoseconds into one of seconds.
func fsyncs(m *journal.Metrics) prometheus.Metric {
	count, sum, buckets := m.Fsyncs()
	h, err := prometheus.NewConstHistogram(descFsyncs, count, sum, buckets)
	if err != nil {
		return nil
	}
	return h
}
