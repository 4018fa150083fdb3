package serve

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outlet writes lines without ever waiting for who reads them. While nobody does, it
// keeps up to outletBytes, and drops and counts what comes after that.
type outlet struct {
	w io.Writer

	mu      sync.Mutex
	lines   [][]byte
	bytes   int
	dropped int
	idle    chan struct{} // closed when all is written; nil while nothing is to be
}

const (
	outletBytes = 1 << 20
	// flushTime is how long the end of the program waits for its last lines.
	flushTime = time.Second
)

// Write takes one line, or several that are not to be torn apart.
func (o *outlet) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes > outletBytes {
		o.dropped++
		return len(line), nil
	}
	o.lines = append(o.lines, append([]byte(nil), line...))
	o.bytes += len(line)
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.drain()
	}
	return len(line), nil
}

// drain writes until nothing is left. That a write fails is told nowhere: this is where
// it would be told.
func (o *outlet) drain() {
	for {
		o.mu.Lock()
		if len(o.lines) == 0 {
			close(o.idle)
			o.idle, o.lines = nil, nil
			o.mu.Unlock()
			return
		}
		line := o.lines[0]
		o.lines = o.lines[1:]
		o.mu.Unlock()
		_, _ = o.w.Write(line)
		o.mu.Lock()
		o.bytes -= len(line)
		o.mu.Unlock()
	}
}

// Sync waits for what has been taken to be written, but not for long.
func (o *outlet) Sync() error {
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	if idle == nil {
		return nil
	}
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-idle:
		return nil
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// register adds the count of what was dropped to the metrics.
func (o *outlet) register(reg prometheus.Registerer) {
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "signalbox_log_lines_dropped_total",
		Help: "Lines of the log that were dropped, as nobody read standard error.",
	}, func() float64 {
		o.mu.Lock()
		defer o.mu.Unlock()
		return float64(o.dropped)
	}))
}
