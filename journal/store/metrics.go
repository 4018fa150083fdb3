package store

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	dto "github.com/prometheus/client_model/go"
)

// Metrics are the store's own figures at one moment.
type Metrics struct{ m *pebble.Metrics }

// DiskSpaceUsage is how many bytes the store takes on disk.
func (m *Metrics) DiskSpaceUsage() uint64 { return m.m.DiskSpaceUsage() }

// Fsyncs returns how many times the log was synced, how many seconds that took,
// and the cumulative counts by upper bound in seconds.
func (m *Metrics) Fsyncs() (count uint64, sum float64, buckets map[float64]uint64) {
	var d dto.Metric
	if m.m.LogWriter.FsyncLatency == nil || m.m.LogWriter.FsyncLatency.Write(&d) != nil {
		return 0, 0, nil
	}
	h := d.GetHistogram()
	buckets = make(map[float64]uint64, len(h.GetBucket()))
	for _, b := range h.GetBucket() {
		buckets[b.GetUpperBound()/float64(time.Second)] = b.GetCumulativeCount()
	}
	return h.GetSampleCount(), h.GetSampleSum() / float64(time.Second), buckets
}
