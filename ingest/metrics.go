package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// form is the form of a request, a label of the metrics.
type form string

const (
	formPutEvents             form = "put_events"
	formControl               form = "control" // operations of the EventBridge API but PutEvents
	formCloudEventsBinary     form = "cloudevents_binary"
	formCloudEventsStructured form = "cloudevents_structured"
	formCloudEventsBatch      form = "cloudevents_batch"
	formJSON                  form = "json" // the canonical envelope, OCI, or a CloudEvent as plain JSON
	formOther                 form = "other"
)

var forms = []form{
	formPutEvents, formControl, formCloudEventsBinary, formCloudEventsStructured,
	formCloudEventsBatch, formJSON, formOther,
}

// outcome is what became of a request, a label of the metrics.
type outcome string

const (
	outcomeAccepted outcome = "accepted"
	outcomePartial  outcome = "partial" // some of its events were refused
	outcomeRefused  outcome = "refused"
	outcomeDryRun   outcome = "dry_run"
	outcomeBacklog  outcome = "backlog"
	outcomeFailed   outcome = "failed"
)

var outcomes = []outcome{
	outcomeAccepted, outcomePartial, outcomeRefused, outcomeDryRun, outcomeBacklog, outcomeFailed,
}

// outcomeOf is the outcome of a request with this many events refused.
func outcomeOf(refused, all int) outcome {
	switch refused {
	case 0:
		return outcomeAccepted
	case all:
		return outcomeRefused
	}
	return outcomePartial
}

type metrics struct {
	requests map[form]map[outcome]prometheus.Counter
	seconds  map[form]prometheus.Observer
}

// newMetrics registers the metrics, if there is where, with all their labels.
func newMetrics(registerer prometheus.Registerer) *metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "signalbox_ingest_requests_total",
		Help: "Requests to ingest, by their form and what became of them.",
	}, []string{"form", "outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                        "signalbox_ingest_request_seconds",
		Help:                        "Time from a request's headers to its answer, by form.",
		Buckets:                     prometheus.ExponentialBuckets(0.00025, 2, 16),
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}, []string{"form"})
	if registerer != nil {
		registerer.MustRegister(requests, seconds)
	}
	m := &metrics{requests: make(map[form]map[outcome]prometheus.Counter), seconds: make(map[form]prometheus.Observer)}
	for _, f := range forms {
		m.seconds[f] = seconds.WithLabelValues(string(f))
		m.requests[f] = make(map[outcome]prometheus.Counter)
		for _, o := range outcomes {
			m.requests[f][o] = requests.WithLabelValues(string(f), string(o))
		}
	}
	return m
}

func (m *metrics) observe(f form, o outcome, took time.Duration) {
	m.requests[f][o].Inc()
	m.seconds[f].Observe(took.Seconds())
}
