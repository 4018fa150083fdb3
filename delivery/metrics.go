package delivery

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/delivery/queue"
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
	deliveries   *prometheus.CounterVec // bus, rule, target, outcome
	attempts     *prometheus.CounterVec // target, code ("" is a success)
	retries      *prometheus.CounterVec // target
	opened       *prometheus.CounterVec // target
	toAttempt    *prometheus.HistogramVec
	toSuccess    *prometheus.HistogramVec
	attemptTimes *prometheus.HistogramVec
	// noRules leaves out which bus and rule a delivery is of, noTargets which target.
	noRules, noTargets atomic.Bool

	mu sync.RWMutex
	// known are those of deliveries that succeed: to find them by their labels takes longer
	// than to count.
	known map[series]*successes
}

// series names figures of a rule and a target.
type series struct{ bus, rule, target string }

// successes are the figures of deliveries that succeed.
type successes struct {
	delivered, attempts                prometheus.Counter
	toAttempt, toSuccess, attemptTimes prometheus.Observer
}

// latencies are the upper bounds of the classic buckets of seconds. They are few, as each is a
// series of every target; native histograms tell more.
var latencies = []float64{.001, .004, .016, .064, .256, 1, 4, 16, 60, 600, 3600, 86400}

// NewMetrics makes and registers the figures.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	seconds := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: latencies,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"target"})
		reg.MustRegister(h)
		return h
	}
	return &Metrics{
		known:        map[series]*successes{},
		deliveries:   counters("signalbox_deliveries_total", "Deliveries that ended, by outcome.", "bus", "rule", "target", "outcome"),
		attempts:     counters("signalbox_attempts_total", "Attempts at deliveries; code is empty for those that succeeded.", "target", "code"),
		retries:      counters("signalbox_retries_total", "Attempts that were put off to be made again.", "target"),
		opened:       counters("signalbox_circuit_opened_total", "Times that a target's circuit breaker opened.", "target"),
		toAttempt:    seconds("signalbox_first_attempt_seconds", "Time from acceptance to the first attempt."),
		toSuccess:    seconds("signalbox_delivered_seconds", "Time from acceptance to the successful attempt's end."),
		attemptTimes: seconds("signalbox_attempt_seconds", "Time that a successful attempt took."),
	}
}

// vectors are the figures by target alone.
func (m *Metrics) vectors() []vector {
	return []vector{m.attempts, m.retries, m.opened, m.toAttempt, m.toSuccess, m.attemptTimes}
}

type vector interface {
	DeletePartialMatch(prometheus.Labels) int
	Reset()
}

// ExpectTarget makes the figures of a target there from the start.
func (m *Metrics) ExpectTarget(name string) {
	name = m.ShownTarget(name)
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

// EachTarget sets whether there are figures of each target, or only of all together, which
// have an empty label then. Where that changes, all begin anew.
func (m *Metrics) EachTarget(each bool) {
	if m.noTargets.Swap(!each) != each {
		return
	}
	m.deliveries.Reset()
	for _, v := range m.vectors() {
		v.Reset()
	}
	m.forgetKnown()
}

// OfEachTarget reports whether there are figures of each target.
func (m *Metrics) OfEachTarget() bool { return !m.noTargets.Load() }

// ShownTarget returns how a target is named in figures.
func (m *Metrics) ShownTarget(name string) string {
	if m.noTargets.Load() {
		return ""
	}
	return name
}

// ForgetTarget removes the figures of a target that is gone.
func (m *Metrics) ForgetTarget(name string) {
	for _, v := range m.vectors() {
		v.DeletePartialMatch(prometheus.Labels{"target": name})
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

// Rule names a rule.
type Rule struct{ Bus, Name string }

// ruleOf names the rule that planned a delivery.
func ruleOf(it *queue.Item) Rule { return Rule{it.Bus(), it.Delivery.Rule} }

// ForgetRules removes the figures of the deliveries of these rules.
func (m *Metrics) ForgetRules(gone []Rule) {
	defer m.forgetKnown()
	if len(gone) > 100 { // each is looked for in all figures: begin anew
		m.deliveries.Reset()
		return
	}
	for _, r := range gone {
		m.deliveries.DeletePartialMatch(prometheus.Labels{"bus": r.Bus, "rule": r.Name})
	}
}

// Died counts a delivery that a rule planned and that goes to the dead-letter queue.
func (m *Metrics) Died(r Rule, target string) { m.ended(r, target, outcomeDead) }

func (m *Metrics) firstAttempt(r Rule, target string, wait time.Duration) {
	m.successes(r, target).toAttempt.Observe(wait.Seconds())
}

func (m *Metrics) delivered(r Rule, target string, took, whole time.Duration) {
	s := m.successes(r, target)
	s.delivered.Inc()
	s.attempts.Inc()
	s.attemptTimes.Observe(took.Seconds())
	s.toSuccess.Observe(whole.Seconds())
}

// successes returns the figures of deliveries that succeed.
func (m *Metrics) successes(r Rule, target string) *successes {
	k := m.shown(r, target)
	m.mu.RLock()
	s := m.known[k]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s = &successes{
		delivered: m.deliveries.WithLabelValues(k.bus, k.rule, k.target, outcomeDelivered), attempts: m.attempts.WithLabelValues(k.target, ""),
		toAttempt: m.toAttempt.WithLabelValues(k.target), toSuccess: m.toSuccess.WithLabelValues(k.target),
		attemptTimes: m.attemptTimes.WithLabelValues(k.target),
	}
	m.known[k] = s
	return s
}

func (m *Metrics) failed(target, code string) {
	m.attempts.WithLabelValues(m.ShownTarget(target), code).Inc()
}

func (m *Metrics) retried(target string) { m.retries.WithLabelValues(m.ShownTarget(target)).Inc() }

func (m *Metrics) circuitOpened(target string) { m.opened.WithLabelValues(m.ShownTarget(target)).Inc() }

func (m *Metrics) ended(r Rule, target, outcome string) {
	k := m.shown(r, target)
	m.deliveries.WithLabelValues(k.bus, k.rule, k.target, outcome).Inc()
}

// shown returns how a rule and a target are named in figures.
func (m *Metrics) shown(r Rule, target string) series {
	if m.noRules.Load() {
		r = Rule{}
	}
	return series{r.Bus, r.Name, m.ShownTarget(target)}
}
