package cluster

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are what is counted while the process runs.
type figures struct {
	publish       prometheus.Histogram
	number        atomic.Uint64
	failovers     atomic.Uint64
	retries       atomic.Uint64
	snapshots     atomic.Uint64
	snapshotBytes atomic.Int64
	rebuilds      atomic.Uint64
}

func (f *figures) init() {
	f.publish = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "signalbox_cluster_publish_seconds", Help: "Time until the cluster's log has taken a group of writes, while this node leads.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
	})
}

// Register adds the figures of the cluster to a registry.
func (n *Node) Register(reg prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	reg.MustRegister(n.figures.publish)
	gauge("signalbox_cluster_term", "The term of the cluster's log that this node knows of.", func() float64 { return float64(n.figures.number.Load()) })
	for _, r := range []Role{Starting, Following, Leading} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "signalbox_cluster_role", Help: "1 for what this node does, 0 for the other roles.", ConstLabels: prometheus.Labels{"role": string(r)},
		}, func() float64 {
			if n.role.Load() == r {
				return 1
			}
			return 0
		}))
	}
	gauge("signalbox_cluster_has_leader", "1 while this node knows of a leader.", func() float64 {
		if n.Leader() != nil {
			return 1
		}
		return 0
	})
	gauge("signalbox_cluster_lag_groups", "Messages of the cluster's log that this node has not read yet.", func() float64 { groups, _ := n.progress.lag(); return float64(groups) })
	gauge("signalbox_cluster_lag_seconds", "For how long the cluster's log has had what this node has not read yet.", func() float64 { return n.Behind().Seconds() })
	counter("signalbox_cluster_failovers_total", "Terms that this node has begun to lead.", func() float64 { return float64(n.figures.failovers.Load()) })
	counter("signalbox_cluster_publish_retries_total", "Writes of the cluster's log that were tried again.", func() float64 { return float64(n.figures.retries.Load()) })
	counter("signalbox_cluster_snapshots_total", "Snapshots that this node has made.", func() float64 { return float64(n.figures.snapshots.Load()) })
	gauge("signalbox_cluster_snapshot_bytes", "Size of the latest snapshot that this node has made or read.", func() float64 { return float64(n.figures.snapshotBytes.Load()) })
	counter("signalbox_cluster_rebuilds_total", "How often this node's store was made anew of a snapshot.", func() float64 { return float64(n.figures.rebuilds.Load()) })
}
