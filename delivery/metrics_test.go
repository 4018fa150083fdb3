package delivery

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkMetrics counts a delivery that succeeds at its first attempt.
func BenchmarkMetrics(b *testing.B) {
	m := NewMetrics(prometheus.NewRegistry())
	m.ExpectTarget("warehouse")
	rule, took := Rule{"default", "orders-to-the-warehouse"}, time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		took = (took + 997*time.Microsecond) % time.Second
		m.firstAttempt(rule, "warehouse", took)
		m.delivered(rule, "warehouse", took, 2*took)
	}
}
