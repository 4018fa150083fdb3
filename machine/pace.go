package machine

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// leastGarbage is how much may be allocated from one garbage collection to the next however
// little there is to scan, in bytes.
const leastGarbage = 32 << 20

// garbage returns how much may be allocated until the next garbage collection, as a percentage
// of what is live, which GOGC is. It goes by what a collection costs: the part that has to be
// scanned. The store's tables in memory and the bytes of events are not, and can be most of the
// heap; they would allow as much garbage again.
func garbage(live, scanned uint64) int {
	return int(max(scanned, leastGarbage) * 100 / max(live, 1<<20))
}

// pacer sets that percentage after each garbage collection.
type pacer struct {
	sample [3]metrics.Sample

	mu    sync.Mutex
	now   int
	ended bool
}

// pace paces the garbage collector until the returned function is called.
func pace() (end func()) {
	before := debug.SetGCPercent(-1)
	debug.SetGCPercent(before)
	p := &pacer{now: before}
	for i, name := range []string{"/gc/heap/live:bytes", "/gc/scan/heap:bytes", "/gc/scan/total:bytes"} {
		p.sample[i].Name = name
	}
	p.set()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		debug.SetGCPercent(before)
	}
}

// set sets the percentage, and does so again after the next garbage collection, which finds
// the sentinel that nothing refers to.
func (p *pacer) set() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	metrics.Read(p.sample[:])
	heap, scannedHeap, scanned := p.sample[0].Value.Uint64(), p.sample[1].Value.Uint64(), p.sample[2].Value.Uint64()
	percent := garbage(heap+scanned-scannedHeap, scanned)  // stacks and globals are all scanned
	if off := percent - p.now; off*off*100 > p.now*p.now { // by more than a tenth: to set it stops all
		p.now = percent
		debug.SetGCPercent(percent)
	}
	runtime.AddCleanup(new(*pacer), (*pacer).set, p)
}
