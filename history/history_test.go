package history_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/history"
)

// clock takes figures of metrics of its own, in a bubble.
type clock struct {
	*history.Recorder
	accepted   prometheus.Counter
	deliveries *prometheus.CounterVec
	attempts   *prometheus.HistogramVec
	pending    *prometheus.GaugeVec
}

func newClock(t *testing.T) *clock {
	registry := prometheus.NewRegistry()
	c := &clock{
		accepted:   prometheus.NewCounter(prometheus.CounterOpts{Name: "signalbox_events_accepted_total"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "signalbox_deliveries_total"}, []string{"bus", "rule", "target", "outcome"}),
		attempts:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signalbox_attempt_seconds", Buckets: []float64{.01, .1, 1}}, []string{"target"}),
		pending:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "signalbox_deliveries_pending"}, []string{"target", "state"}),
	}
	registry.MustRegister(c.accepted, c.deliveries, c.attempts, c.pending)
	c.Recorder = history.New(registry)
	c.deliveries.WithLabelValues("b", "r", "t", "delivered")
	c.deliveries.WithLabelValues("b", "s", "t", "delivered")
	c.attempts.WithLabelValues("t")
	c.Start()
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	return c
}

// wait lets figures be taken n times.
func (c *clock) wait(n int) {
	time.Sleep(time.Duration(n) * history.Every)
	synctest.Wait()
}

// one returns a series.
func (c *clock) one(t *testing.T, f history.Filter) history.Series {
	t.Helper()
	p := c.Series(f)
	if len(p.Series) != 1 {
		t.Fatalf("%+v: %+v", f, p)
	}
	return p.Series[0]
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(t)
		if s := c.one(t, history.Filter{Name: "accepted"}); s.Last != 0 || len(s.Points) != 0 {
			t.Errorf("at first: %+v", s)
		}
		c.accepted.Add(60)
		c.deliveries.WithLabelValues("b", "r", "t", "delivered").Add(30)
		c.deliveries.WithLabelValues("b", "s", "t", "delivered").Add(15)
		c.wait(4)
		c.accepted.Add(30)
		c.wait(1)
		if s := c.one(t, history.Filter{Name: "accepted"}); s.Last != 2 || !slices.Equal(s.Points, []float64{4, 0.5}) {
			t.Errorf("accepted: %+v", s)
		}
		if s := c.one(t, history.Filter{Target: "t", Name: "delivered"}); s.Last != 0 || !slices.Equal(s.Points, []float64{3, 0}) {
			t.Errorf("delivered by two rules: %+v", s)
		}
		if s := c.one(t, history.Filter{Target: "t", Name: "rule_delivered", Bus: "b", Rule: "s"}); !slices.Equal(s.Points, []float64{1, 0}) {
			t.Errorf("delivered by one of them: %+v", s)
		}
		c.deliveries.WithLabelValues("b", "r", "late", "dead").Add(30)
		c.wait(1)
		if s := c.one(t, history.Filter{Target: "late", Name: "dead"}); s.Last != 2 {
			t.Errorf("a counter that begins later: %+v", s)
		}
		c.deliveries.Reset()
		c.deliveries.WithLabelValues("b", "r", "t", "delivered").Add(15)
		c.wait(1)
		if s := c.one(t, history.Filter{Name: "delivered"}); s.Last != 1 {
			t.Errorf("a counter that began anew: %+v", s)
		}
	})
}

func TestQuantilesAndGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(t)
		for range 200 {
			c.attempts.WithLabelValues("t").Observe(.05)
		}
		c.attempts.WithLabelValues("t").Observe(.5)
		c.pending.WithLabelValues("t", "ready").Set(3)
		c.pending.WithLabelValues("t", "waiting").Set(4)
		c.wait(1)
		if s := c.one(t, history.Filter{Name: "p99"}); s.Last != .1 {
			t.Errorf("p99: %+v", s)
		}
		if s := c.one(t, history.Filter{Name: "pending"}); s.Last != 7 {
			t.Errorf("pending: %+v", s)
		}
		c.attempts.WithLabelValues("t").Observe(.5)
		c.wait(1)
		if s := c.one(t, history.Filter{Name: "p99"}); s.Last != 1 {
			t.Errorf("p99 of what came since: %+v", s)
		}
		c.wait(1)
		if s := c.one(t, history.Filter{Name: "p99"}); s.Last != 0 || s.Points[0] != 1 {
			t.Errorf("p99 of nothing: %+v", s)
		}
		c.pending.Reset()
		c.wait(1)
		if p := c.Series(history.Filter{Name: "pending"}); len(p.Series) != 0 {
			t.Errorf("a target that is gone has %+v", p.Series)
		}
	})
}

// TestNativeQuantiles: they are exact to a tenth, whatever the classic buckets are, and stay so
// when buckets are merged and when a histogram begins anew.
func TestNativeQuantiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		attempts := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "signalbox_attempt_seconds", Buckets: []float64{1, 1000}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 20,
		}, []string{"target"})
		registry.MustRegister(attempts)
		r := history.New(registry)
		r.Start()
		defer func() { _ = r.Stop(context.Background()) }()
		p99 := func(what string, least, most float64) {
			t.Helper()
			time.Sleep(history.Every)
			synctest.Wait()
			if p := r.Series(history.Filter{Name: "p99"}); len(p.Series) != 1 || p.Series[0].Last < least || p.Series[0].Last > most {
				t.Errorf("%s: %+v, want %v to %v", what, p.Series, least, most)
			}
		}
		of := attempts.WithLabelValues("t")
		for range 200 {
			of.Observe(.05)
		}
		of.Observe(30)
		p99("mostly 50 ms", .05, .055)
		of.Observe(30)
		p99("since then one of 30 s", 30, 33)
		p99("since then none", 0, 0)
		for i := range 400 { // more buckets than there may be: they are merged
			of.Observe(.001 * math.Exp2(float64(i)/40))
		}
		p99("from 1 ms to 1 s", .7, 2)
		of.Observe(.02)
		p99("one in merged buckets", .02, .09)
		attempts.Reset()
		attempts.WithLabelValues("t").Observe(7)
		p99("begun anew", 7, 7.7)
	})
}

func TestAnHourIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(t)
		c.accepted.Add(1e6)
		c.wait(300)
		s := c.one(t, history.Filter{Name: "accepted"})
		if len(s.Points) != 60 || slices.Max(s.Points) != 0 {
			t.Errorf("%d points, of which the most is %v", len(s.Points), slices.Max(s.Points))
		}
	})
}
