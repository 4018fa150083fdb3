//go:build linux

package yardstick

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// figures are what one measurement found. Those of the sink are 0 where there is none.
type figures struct {
	events, rate, ackedRate float64
	cpu                     float64 // seconds for 100,000 events, or for as many deliveries of fan-out
	beside                  float64 // the same of the servers that a cluster's log is kept by
	peak                    float64 // MiB
	allocated               float64 // KB for an event; 0 where the server does not tell
	ackP50, ackP99          float64 // ms, of requests
	sinkP50, sinkP99        float64 // ms, from the producer's clock to the sink
}

func (f figures) report(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(f.rate, "rate/s")
	b.ReportMetric(f.ackedRate, "acknowledged/s")
	b.ReportMetric(f.cpu, "cpu-s/100k")
	b.ReportMetric(f.peak, "peak-MiB")
	if f.allocated > 0 {
		b.ReportMetric(f.allocated, "allocated-KB/event")
	}
	b.ReportMetric(f.ackP50, "ack-p50-ms")
	b.ReportMetric(f.ackP99, "ack-p99-ms")
	if f.sinkP50 > 0 {
		b.ReportMetric(f.sinkP50, "sink-p50-ms")
		b.ReportMetric(f.sinkP99, "sink-p99-ms")
	}
}

// comparison is a ratio of two ways in one round.
type comparison struct {
	of, to, what string
	figure       func(figures) float64
}

func rate(f figures) float64 { return f.rate }
func cpu(f figures) float64  { return f.cpu }
func peak(f figures) float64 { return f.peak }
func p50(f figures) float64  { return f.sinkP50 }
func p99(f figures) float64  { return f.sinkP99 }

const atRate = "http-10000-a-second:"

var comparisons = []comparison{
	{"http:router", "http:strawman-raw", "rate", rate},
	{"http:router", "http:strawman-raw", "CPU", cpu},
	{"http:router", "http:strawman-nethttp", "rate", rate},
	{"http:router", "http:strawman-nethttp", "CPU", cpu},
	{"http:router", "discard", "rate", rate},
	{"http-batch-100:router", "http:router", "rate", rate},
	{"http-batch-100:router", "http:router", "CPU", cpu},
	{"http-fanout-10:router", "http:router", "rate", rate},
	{"http-fanout-10:router", "http:router", "CPU", cpu},
	{"log:router", "log:strawman", "rate", rate},
	{"log:router", "log:strawman", "CPU", cpu},
	{"log-single:router", "log-single:strawman", "rate", rate},
	{"log-single:router", "log-single:strawman", "CPU", cpu},
	{"log-single:router", "log:router", "CPU", cpu},
	{"discard-single", "log:router", "CPU", cpu},
	{"log-single:strawman", "log:strawman", "CPU", cpu},
	{"log-array:router", "log:router", "CPU", cpu},
	{"log-1MB:router", "log-1MB:strawman", "rate", rate},
	{"log-1MB:router", "log-1MB:strawman", "peak memory", peak},
	{atRate + "router", atRate + "strawman-raw", "p50", p50},
	{atRate + "router", atRate + "strawman-raw", "p99", p99},
	{atRate + "router", atRate + "strawman-nethttp", "p50", p50},
	{atRate + "router", atRate + "strawman-nethttp", "p99", p99},
}

// report has the figures of each round by the way's name.
type report []map[string]figures

// print writes the medians of all ways, and the ratios: their median, and the least and the
// most of a round.
func (r report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\nway\tevents/s\tCPU s/100k\tpeak MiB\tKB/event\tack p50, p99 ms\tsink p50, p99 ms")
	for _, way := range ways {
		if f, ok := r.figure(way.name); ok {
			fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.0f\t%.1f\t%.1f, %.1f\t%.1f, %.1f\n", way.name,
				f(rate), f(cpu), f(peak), f(func(f figures) float64 { return f.allocated }), f(func(f figures) float64 { return f.ackP50 }), f(func(f figures) float64 { return f.ackP99 }), f(p50), f(p99))
		}
	}
	fmt.Fprintln(w, "\nratio\tof\tmedian\tleast to most")
	for _, c := range comparisons {
		if ratios := r.ratios(c); len(ratios) > 0 {
			fmt.Fprintf(w, "%s / %s\t%s\t%.2f\t%.2f to %.2f\n", c.of, strings.TrimPrefix(c.to, atRate), c.what,
				median(ratios), slices.Min(ratios), slices.Max(ratios))
		}
	}
	w.Flush()
}

// figure returns what tells the median of a figure of a way over all rounds.
func (r report) figure(way string) (of func(func(figures) float64) float64, ok bool) {
	var found []figures
	for _, round := range r {
		if f, measured := round[way]; measured {
			found = append(found, f)
		}
	}
	return func(figure func(figures) float64) float64 {
		var values []float64
		for _, f := range found {
			values = append(values, figure(f))
		}
		return median(values)
	}, len(found) > 0
}

// ratios returns a comparison's ratio in each round that measured both ways.
func (r report) ratios(c comparison) []float64 {
	var ratios []float64
	for _, round := range r {
		of, to := c.figure(round[c.of]), c.figure(round[c.to])
		if of > 0 && to > 0 {
			ratios = append(ratios, of/to)
		}
	}
	return ratios
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
