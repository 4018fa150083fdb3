package commands

import (
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/commands/work"
	"signalbox/event"
)

// The reasons for which the delivery of a query is given up.
const (
	dropUnasked = "caller_gone"
	dropFailed  = "failed"
)

// metrics are the figures of commands, queries and work requests.
type metrics struct {
	replies *prometheus.CounterVec // kind, outcome
	drops   *prometheus.CounterVec // reason
	steps   *prometheus.CounterVec // type
	ignored *prometheus.CounterVec // reason
}

func newMetrics(reg prometheus.Registerer, s *Service) *metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	for _, g := range []struct {
		name, help string
		value      func() int
	}{
		{"signalbox_work_requests_open", "Work requests that have not ended.", s.Open},
		{"signalbox_waiters", "Senders of commands and queries that wait for an answer.", s.Waiting},
		{"signalbox_askers", "The former name of signalbox_waiters.", s.Waiting},
	} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, func() float64 { return float64(g.value()) }))
	}
	m := &metrics{
		replies: counters("signalbox_requests_total", "Commands and queries by what their sender got.", "kind", "outcome"),
		drops:   counters("signalbox_queries_dropped_total", "Deliveries of queries that were given up, by reason.", "reason"),
		steps:   counters("signalbox_work_steps_total", "Steps of work requests, by the type of their event.", "type"),
		ignored: counters("signalbox_work_steps_ignored_total", "Changes that work requests refused, by reason.", "reason"),
	}
	for _, o := range replyOutcomes {
		m.replies.WithLabelValues(string(event.KindCommand), o)
		m.replies.WithLabelValues(string(event.KindQuery), o)
	}
	for _, reason := range [...]string{dropUnasked, dropFailed} {
		m.drops.WithLabelValues(reason)
	}
	for _, name := range work.StepTypes() {
		m.steps.WithLabelValues(name)
	}
	for _, reason := range work.Refusals {
		m.ignored.WithLabelValues(string(reason))
	}
	return m
}
