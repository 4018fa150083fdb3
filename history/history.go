// Package history keeps the figures of the last hour, as series of points, for who has no
// Prometheus at hand. They are taken from the metrics, and end with the process.
package history

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// How often figures are taken, how many are kept, how many make a point, and how many series
// there may be: those that come later are left out.
const (
	Every     = 15 * time.Second
	kept      = 240
	perPoint  = 4
	maxSeries = 3000
	// maxRouteSeries bounds those of a rule's deliveries to a target among them.
	maxRouteSeries = 1000
)

// Series is one figure over the last hour.
type Series struct {
	// Name is what is counted: accepted, unmatched, delivered, dead, failed and matched are
	// rates a second, p99 is in seconds, pending and disk are numbers as they were. Those of a
	// rule's deliveries to a target are rule_delivered and rule_dead.
	Name string `json:"name"`
	// Target, Bus and Rule are what it is of; empty for the router.
	Target string `json:"target,omitempty"`
	Bus    string `json:"bus,omitempty"`
	Rule   string `json:"rule,omitempty"`
	// Last is the figure of the latest 15 seconds, Points are those of each minute, the oldest
	// first: as many as the router has been running, up to 60.
	Last   float64   `json:"last"`
	Points []float64 `json:"points"`
}

// Page is the answer about some series.
type Page struct {
	// Until is when the latest figures were taken; zero if none have been.
	Until  time.Time `json:"until,omitzero"`
	Series []Series  `json:"series"`
}

// key names a series.
type key struct{ name, target, bus, rule string }

// ring holds the latest figures of a series: counters as they stood, or values.
type ring struct {
	counts bool
	values []float64
	// taken is a histogram when figures were last taken.
	taken taken
}

func (r *ring) push(v float64) {
	if r.values = append(r.values, v); len(r.values) > kept+1 {
		r.values = slices.Delete(r.values, 0, len(r.values)-kept-1)
	}
}

// Recorder takes the figures of a registry. Stop must be called after Start.
type Recorder struct {
	gatherer prometheus.Gatherer
	stop     chan struct{}
	ended    sync.WaitGroup

	mu     sync.Mutex
	until  time.Time
	series map[key]*ring
	routes int // how many series are of a rule's deliveries to a target
}

// New returns a Recorder of what a gatherer has.
func New(gatherer prometheus.Gatherer) *Recorder {
	return &Recorder{gatherer: gatherer, stop: make(chan struct{}), series: map[key]*ring{}}
}

// Start takes figures from now on.
func (r *Recorder) Start() {
	r.take()
	r.ended.Go(func() {
		tick := time.NewTicker(Every)
		defer tick.Stop()
		for {
			select {
			case <-r.stop:
				return
			case <-tick.C:
				r.take()
			}
		}
	})
}

// Stop ends it.
func (r *Recorder) Stop(context.Context) error {
	close(r.stop)
	r.ended.Wait()
	return nil
}

// take takes all figures once. A collector that fails leaves out its own.
func (r *Recorder) take() {
	families, _ := r.gatherer.Gather()
	now, seen := time.Now().UTC(), map[key]float64{}
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.until.IsZero()
	r.until = now
	for _, f := range families {
		for _, of := range figures[f.GetName()] {
			for _, m := range f.GetMetric() {
				k, counts, wanted := of(labels(m))
				switch {
				case !wanted || !r.room(k):
				case m.GetHistogram() != nil:
					seen[k] = r.ring(k).quantile(m.GetHistogram())
				default:
					seen[k] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
					r.ring(k).counts = counts
				}
			}
		}
	}
	for k, of := range r.series {
		if v, ok := seen[k]; ok {
			if of.counts && len(of.values) == 0 && !first { // it has begun since
				of.push(0)
			}
			of.push(v)
		} else { // its target or rule has gone
			delete(r.series, k)
			r.routes -= k.route()
		}
	}
}

// route is 1 for a series of a rule's deliveries to a target, else 0.
func (k key) route() int {
	if k.rule != "" && k.target != "" {
		return 1
	}
	return 0
}

// room reports whether a series is kept.
func (r *Recorder) room(k key) bool {
	return r.series[k] != nil || len(r.series) < maxSeries && r.routes+k.route() <= maxRouteSeries
}

func (r *Recorder) ring(k key) *ring {
	if r.series[k] == nil {
		r.series[k] = &ring{}
		r.routes += k.route()
	}
	return r.series[k]
}

func labels(m *dto.Metric) map[string]string {
	all := map[string]string{}
	for _, l := range m.GetLabel() {
		all[l.GetName()] = l.GetValue()
	}
	return all
}

// figure returns the series that a metric with these labels counts for, and whether it counts
// up; false for none.
type figure func(l map[string]string) (k key, counts, wanted bool)

// figures are the metrics of which there are series.
var figures = map[string][]figure{
	"signalbox_events_accepted_total":  {ofRouter("accepted", true)},
	"signalbox_events_unmatched_total": {ofRouter("unmatched", true)},
	"signalbox_journal_bytes":          {ofRouter("disk", false)},
	"signalbox_deliveries_total": {
		func(l map[string]string) (key, bool, bool) {
			return key{name: l["outcome"], target: l["target"]}, true, ended(l)
		},
		func(l map[string]string) (key, bool, bool) {
			return key{"rule_" + l["outcome"], l["target"], l["bus"], l["rule"]}, true, l["rule"] != "" && ended(l)
		},
	},
	"signalbox_attempts_total": {func(l map[string]string) (key, bool, bool) {
		return key{name: "failed", target: l["target"]}, true, l["code"] != ""
	}},
	"signalbox_deliveries_pending": {func(l map[string]string) (key, bool, bool) {
		return key{name: "pending", target: l["target"]}, false, true
	}},
	"signalbox_attempt_seconds": {func(l map[string]string) (key, bool, bool) {
		return key{name: "p99", target: l["target"]}, false, true
	}},
	"signalbox_rule_matches_total":          {ofRule("matched")},
	"signalbox_rule_condition_errors_total": {ofRule("condition_errors")},
}

func ended(l map[string]string) bool { return l["outcome"] == "delivered" || l["outcome"] == "dead" }

func ofRouter(name string, counts bool) figure {
	return func(map[string]string) (key, bool, bool) { return key{name: name}, counts, true }
}

func ofRule(name string) figure {
	return func(l map[string]string) (key, bool, bool) {
		return key{name: name, bus: l["bus"], rule: l["rule"]}, true, true
	}
}

// Filter chooses series; empty fields choose all.
type Filter struct{ Name, Target, Bus, Rule string }

func (f Filter) lets(k key) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Name, k.name) && is(f.Target, k.target) && is(f.Bus, k.bus) && is(f.Rule, k.rule)
}

// Series returns the series that a filter chooses, by name and then by what they are of.
func (r *Recorder) Series(f Filter) Page {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Page{Until: r.until, Series: []Series{}}
	for k, of := range r.series {
		if f.lets(k) {
			s := Series{Name: k.name, Target: k.target, Bus: k.bus, Rule: k.rule}
			s.Last, s.Points = of.points()
			p.Series = append(p.Series, s)
		}
	}
	slices.SortFunc(p.Series, func(a, b Series) int {
		return strings.Compare(a.Name+"\x00"+a.Target+a.Bus+"\x00"+a.Rule, b.Name+"\x00"+b.Target+b.Bus+"\x00"+b.Rule)
	})
	return p
}

// points returns the latest figure, and that of each minute.
func (r *ring) points() (last float64, points []float64) {
	v := r.values
	points = []float64{}
	if !r.counts {
		for end := len(v); end > 0; end -= perPoint {
			points = append(points, slices.Max(v[max(0, end-perPoint):end]))
		}
		slices.Reverse(points)
		return v[len(v)-1], points[max(0, len(points)-kept/perPoint):]
	}
	if len(v) < 2 {
		return 0, points
	}
	for end := len(v) - 1; end > 0; end -= perPoint {
		points = append(points, r.grown(max(0, end-perPoint), end))
	}
	slices.Reverse(points)
	return r.grown(len(v)-2, len(v)-1), points
}

// grown is how much a counter has grown a second, between two figures. One that began anew
// counts from there.
func (r *ring) grown(from, to int) float64 {
	sum := 0.0
	for i := from; i < to; i++ {
		step := r.values[i+1] - r.values[i]
		if step < 0 {
			step = r.values[i+1]
		}
		sum += step
	}
	return math.Round(1000*sum/(float64(to-from)*Every.Seconds())) / 1000
}
