package archiver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/archive/segment"
	"signalbox/journal"
)

// Status is how one archive is.
type Status struct {
	Name string `json:"name"`
	// Bus is the bus whose events are archived; empty stands for every bus.
	Bus string `json:"bus,omitempty"`
	// Place is where the archive lies.
	Place string `json:"place"`
	// RetentionDays is for how many days events are kept; 0 is for ever.
	RetentionDays int `json:"retention_days"`
	// ArchivedTo is the time before which everything is in the archive.
	ArchivedTo time.Time `json:"archived_to"`
	// BehindSeconds is how long a time is over that is not in the archive.
	BehindSeconds float64 `json:"behind_seconds"`
	// Failing means that the archive can't be written for now, and Error why.
	Failing bool   `json:"failing"`
	Error   string `json:"error,omitempty"`
	// Retaining means that the store keeps events beyond its retention for this archive.
	Retaining bool `json:"retaining,omitempty"`
	// Config is the configuration without its secrets.
	Config map[string]any `json:"config,omitempty"`
}

// view returns how the archive is.
func (k *keeper) view() Status {
	k.mu.Lock()
	v := k.status
	k.mu.Unlock()
	a := k.archive
	v.Name, v.Bus, v.Place, v.RetentionDays, v.Config = a.Name, a.Bus, k.where(), a.RetentionDays, a.Show()
	cursor := journal.Seq(k.cursor.Load())
	v.ArchivedTo = cursor.Time()
	if over := k.sliceOf(k.of.opts.Journal.Seqs.Clock()); over > cursor {
		v.BehindSeconds = time.Duration(over - cursor).Seconds()
	}
	return v
}

type metrics struct{ segments, events, bytes, errors *prometheus.CounterVec }

// newMetrics registers the metrics, if there is where.
func newMetrics(registerer prometheus.Registerer, a *Archiver) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "signalbox_archive_" + name, Help: help}, []string{"archive"})
		if registerer != nil {
			registerer.MustRegister(c)
		}
		return c
	}
	m := &metrics{
		segments: counter("segments_total", "Segments that were written to archives."),
		events:   counter("events_total", "Events that were written to archives."),
		bytes:    counter("bytes_total", "Bytes of the segments that were written to archives, compressed."),
		errors:   counter("errors_total", "Failed tries to write to archives."),
	}
	if registerer != nil {
		registerer.MustRegister(gauges{a})
	}
	return m
}

// counts are those of one archive.
type counts struct{ segments, events, bytes, errors prometheus.Counter }

func (m *metrics) of(archive string) *counts {
	return &counts{
		m.segments.WithLabelValues(archive), m.events.WithLabelValues(archive),
		m.bytes.WithLabelValues(archive), m.errors.WithLabelValues(archive),
	}
}

func (c *counts) add(s *segment.Segment) {
	c.segments.Inc()
	c.events.Add(float64(s.Count))
	c.bytes.Add(float64(s.Bytes))
}

// forget drops the metrics of an archive that is gone.
func (m *metrics) forget(archive string) {
	for _, c := range [...]*prometheus.CounterVec{m.segments, m.events, m.bytes, m.errors} {
		c.DeleteLabelValues(archive)
	}
}

var (
	behindDesc    = prometheus.NewDesc("signalbox_archive_behind_seconds", "How long a time is over that is not in the archive.", []string{"archive"}, nil)
	failingDesc   = prometheus.NewDesc("signalbox_archive_failing", "1 if the archive can't be written for now.", []string{"archive"}, nil)
	retainingDesc = prometheus.NewDesc("signalbox_archive_retaining", "1 if the store keeps events beyond its retention for the archive.", []string{"archive"}, nil)
)

// gauges collects how archives are.
type gauges struct{ of *Archiver }

// Describe sends what there is to collect.
func (gauges) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range [...]*prometheus.Desc{behindDesc, failingDesc, retainingDesc} {
		to <- desc
	}
}

// Collect sends the values of now.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	flag := map[bool]float64{true: 1}
	for _, s := range g.of.Statuses() {
		to <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, s.BehindSeconds, s.Name)
		to <- prometheus.MustNewConstMetric(failingDesc, prometheus.GaugeValue, flag[s.Failing], s.Name)
		to <- prometheus.MustNewConstMetric(retainingDesc, prometheus.GaugeValue, flag[s.Retaining], s.Name)
	}
}
