package machine

import "runtime/metrics"

// runnable is the metric of goroutines that could run.
const runnable = "/sched/goroutines/runnable:goroutines"

// ProcessorsShort reports whether something waits for a processor at this moment.
func ProcessorsShort() bool {
	sample := []metrics.Sample{{Name: runnable}}
	metrics.Read(sample)
	return sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() > 0
}
