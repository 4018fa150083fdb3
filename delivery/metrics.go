package delivery

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The outcomes of a delivery, as its metrics call them.
const (
	outcomeDelivered = "delivered"
	outcomeDead      = "dead"
	outcomeDropped   = "dropped"
	outcomeLogged    = "logged"
)

// Metrics are the figures of deliveries for Prometheus.
type Metrics struct {
	deliveries   *prometheus.CounterVec // rule, target, outcome
	attempts     *prometheus.CounterVec // target, code ("" is a success)
	retries      *prometheus.CounterVec // target
	opened       *prometheus.CounterVec // target
	toAttempt    *prometheus.HistogramVec
	toSuccess    *prometheus.HistogramVec
	attemptTimes *prometheus.HistogramVec
	// noRules leaves out which rule a delivery is of.
	noRules atomic.Bool

	mu sync.RWMutex
	// known are those of deliveries that succeed: to find them by their labels takes longer
	// than to count.
	known map[series]*successes
}

// series names figures of a rule and a target.
type series struct{ rule, target string }

// successes are the figures of deliveries that succeed.
type successes struct {
	delivered, attempts                prometheus.Counter
	toAttempt, toSuccess, attemptTimes prometheus.Observer
}

// latencies are the upper bounds of histograms of seconds.
var latencies = []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4, 8, 16, 60, 300, 3600, 86400}

// NewMetrics makes and registers the figures.
func NewMetrics(reg prometheus.Registerer) *Metrics {
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
	return &Metrics{
		known:        map[series]*successes{},
		deliveries:   counters("signalbox_deliveries_total", "Deliveries that ended, by outcome.", "rule", "target", "outcome"),
		attempts:     counters("signalbox_attempts_total", "Attempts at deliveries; code is empty for those that succeeded.", "target", "code"),
		retries:      counters("signalbox_retries_total", "Attempts that were put off to be made again.", "target"),
		opened:       counters("signalbox_circuit_opened_total", "Times that a target's circuit breaker opened.", "target"),
		toAttempt:    seconds("signalbox_first_attempt_seconds", "Time from acceptance to the first attempt."),
		toSuccess:    seconds("signalbox_delivered_seconds", "Time from acceptance to the successful attempt's end."),
		attemptTimes: seconds("signalbox_attempt_seconds", "Time that a successful attempt took."),
	}
}

// ExpectTarget makes the figures of a target there from the start.
func (m *Metrics) ExpectTarget(name string) {
	m.attempts.WithLabelValues(name, "")
	m.retries.WithLabelValues(name)
	m.opened.WithLabelValues(name)
	m.toAttempt.WithLabelValues(name)
	m.toSuccess.WithLabelValues(name)
	m.attemptTimes.WithLabelValues(name)
}

// EachRule sets whether deliveries are counted for each rule, and reports whether that has
// changed: the counts by rule and target then begin anew.
func (m *Metrics) EachRule(each bool) (changed bool) {
	if changed = m.noRules.Swap(!each) == each; changed {
		m.deliveries.Reset()
		m.forgetKnown()
	}
	return changed
}

// OfEachRule reports whether deliveries are counted for each rule.
func (m *Metrics) OfEachRule() bool { return !m.noRules.Load() }

// ForgetTarget removes the figures of a target that is gone.
func (m *Metrics) ForgetTarget(name string) {
	gone := prometheus.Labels{"target": name}
	for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{
		m.attempts, m.retries, m.opened, m.toAttempt, m.toSuccess, m.attemptTimes,
	} {
		v.DeletePartialMatch(gone)
	}
	m.forgetKnown()
}

// forgetKnown makes figures be looked up anew, of which some were removed.
func (m *Metrics) forgetKnown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.known)
}

// ForgetLane removes the figures of a replay's lane, which has ended.
func (m *Metrics) ForgetLane(name string) {
	m.deliveries.DeletePartialMatch(prometheus.Labels{"target": name})
	m.ForgetTarget(name)
}

// ForgetRules removes the figures of the deliveries of rules of these names.
func (m *Metrics) ForgetRules(names map[string]bool) {
	defer m.forgetKnown()
	if len(names) > 100 { // each is looked for in all figures: begin anew
		m.deliveries.Reset()
		return
	}
	for name := range names {
		m.deliveries.DeletePartialMatch(prometheus.Labels{"rule": name})
	}
}

// Died counts a delivery that goes to the dead-letter queue.
func (m *Metrics) Died(rule, target string) { m.ended(rule, target, outcomeDead) }

func (m *Metrics) firstAttempt(rule, target string, wait time.Duration) {
	m.successes(rule, target).toAttempt.Observe(wait.Seconds())
}

func (m *Metrics) delivered(rule, target string, took, whole time.Duration) {
	s := m.successes(rule, target)
	s.delivered.Inc()
	s.attempts.Inc()
	s.attemptTimes.Observe(took.Seconds())
	s.toSuccess.Observe(whole.Seconds())
}

// successes returns the figures of deliveries that succeed.
func (m *Metrics) successes(rule, target string) *successes {
	k := series{m.shown(rule), target}
	m.mu.RLock()
	s := m.known[k]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s = &successes{
		delivered: m.deliveries.WithLabelValues(k.rule, target, outcomeDelivered), attempts: m.attempts.WithLabelValues(target, ""),
		toAttempt: m.toAttempt.WithLabelValues(target), toSuccess: m.toSuccess.WithLabelValues(target),
		attemptTimes: m.attemptTimes.WithLabelValues(target),
	}
	m.known[k] = s
	return s
}

func (m *Metrics) failed(target, code string) { m.attempts.WithLabelValues(target, code).Inc() }

func (m *Metrics) ended(rule, target, outcome string) {
	m.deliveries.WithLabelValues(m.shown(rule), target, outcome).Inc()
}

// shown returns how a rule is named in figures.
func (m *Metrics) shown(rule string) string {
	if m.noRules.Load() {
		return ""
	}
	return rule
}
