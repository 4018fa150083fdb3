package sources

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

type metrics struct {
	messages *prometheus.CounterVec
	errors   *prometheus.CounterVec
}

// newMetrics registers the metrics, if there is where.
func newMetrics(registerer prometheus.Registerer, s *Supervisor) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_source_messages_total", Help: "Messages of sources that were acknowledged, by what became of them.",
		}, []string{"source", "outcome"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_source_errors_total", Help: "Broken connections of sources, and failed tries to connect.",
		}, []string{"source"}),
	}
	if registerer != nil {
		registerer.MustRegister(m.messages, m.errors, gauges{s})
	}
	return m
}

// of returns the counters of a source.
func (m *metrics) of(source string) *counts {
	c := &counts{faults: rate.Sometimes{Interval: time.Minute}, errors: m.errors.WithLabelValues(source)}
	for outcome, to := range map[string]*prometheus.Counter{
		"accepted": &c.accepted, "duplicate": &c.duplicates, "undecodable": &c.undecodable, "refused": &c.refused,
	} {
		*to = m.messages.WithLabelValues(source, outcome)
	}
	return c
}

// forget drops the metrics of a source that is gone.
func (m *metrics) forget(source string) {
	m.messages.DeletePartialMatch(prometheus.Labels{"source": source})
	m.errors.DeleteLabelValues(source)
}

var (
	stateDesc = prometheus.NewDesc("signalbox_source_state", "1 for the state that a source is in.", []string{"source", "state"}, nil)
	lagDesc   = prometheus.NewDesc("signalbox_source_lag", "Messages that wait at the broker of a source, those under way among them, where it is known.", []string{"source"}, nil)
)

// gauges collects how sources are.
type gauges struct{ of *Supervisor }

// Describe sends what there is to collect.
func (gauges) Describe(to chan<- *prometheus.Desc) {
	to <- stateDesc
	to <- lagDesc
}

// Collect sends the values of now.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	for _, status := range g.of.Statuses() {
		for _, state := range States {
			value := 0.0
			if status.State == state {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, status.Name, string(state))
		}
		if status.Lag != nil {
			to <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(*status.Lag), status.Name)
		}
	}
}
