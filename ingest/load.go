package ingest

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"signalbox/machine"
)

// Load bounds what requests may use together: how many are served at once, and the memory
// of their bodies. Those that bring events leave room for all others, so that health and
// management stay within reach.
type Load struct {
	bodies     *machine.Account
	work       *semaphore.Weighted
	workBytes  int64
	events     slots
	management slots
	refused    *prometheus.CounterVec
}

// slots count requests that are served.
type slots struct {
	most int64
	used atomic.Int64
}

func (s *slots) take() bool {
	if s.used.Add(1) <= s.most {
		return true
	}
	s.used.Add(-1)
	return false
}

const (
	// perByte is what a byte of a body takes while it is read: buffers grow by doubling.
	perByte = 2
	// workPerByte is what is made of a byte of a body that has been read: the event, its
	// envelope, and what the store writes.
	workPerByte = 3
	// workWait is how long a body that has been read may wait until others are done with.
	workWait = 2 * time.Second
	// managementShare is the part of the connections that is kept for management.
	managementShare = 8
	// mostManagement is as much of it as is of use.
	mostManagement = 64
)

// NewLoad returns the bounds of a server with so many connections and so much memory. The
// registerer may be nil.
func NewLoad(connections int, memory machine.Memory, registerer prometheus.Registerer) *Load {
	management := min(max(connections/managementShare, 2), mostManagement)
	l := &Load{
		bodies: machine.NewAccount(memory.Bodies), work: semaphore.NewWeighted(memory.Work), workBytes: memory.Work,
		events:     slots{most: int64(max(1, connections-2*management))},
		management: slots{most: int64(management)},
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_requests_overload_total", Help: "Requests answered with 503, as the router was at a bound, by which one.",
		}, []string{"bound"}),
	}
	for _, bound := range []string{boundConnections, boundMemory} {
		l.refused.WithLabelValues(bound)
	}
	if registerer != nil {
		registerer.MustRegister(l.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "signalbox_request_bodies_bytes", Help: "Memory of request bodies that are being read.",
		}, func() float64 { return float64(l.bodies.Used()) }))
	}
	return l
}

// The bounds that a request may meet.
const (
	boundConnections = "connections"
	boundMemory      = "memory"
)

// Bound returns a handler that calls next within the bounds, and answers 503 beyond them.
func (l *Load) Bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slots, most := &l.management, l.bodies.Limit()
		if TakesEvents(r) {
			slots, most = &l.events, most-most/managementShare
		}
		if !slots.take() {
			l.refused.WithLabelValues(boundConnections).Inc()
			refuseOverload(w, r, "too many requests are under way (limits.connections): send it again a little later")
			retire(r)
			return
		}
		defer slots.used.Add(-1)
		use := &usage{load: l, most: most}
		defer use.end()
		body := &metered{usage: use, from: r.Body, ended: r.ContentLength == 0}
		r = r.WithContext(context.WithValue(r.Context(), usageKey{}, use))
		r.Body = meteredBody{body, r.Body}
		next.ServeHTTP(w, r)
		if !body.ended {
			retire(r)
		}
	})
}

// TakesEvents reports whether a request is to the paths that take events, commands and
// queries. One that reads /v1/events asks for those that are kept.
func TakesEvents(r *http.Request) bool {
	switch r.URL.Path {
	case "/v1/events":
		return r.Method != http.MethodGet && r.Method != http.MethodHead
	case "/", "/v1/commands", "/v1/queries":
		return true
	}
	return false
}

type meteredBody struct {
	io.Reader
	io.Closer
}

// overloaded is the problem of a request that met a bound.
func overloaded(message string) *problem {
	return &problem{status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: message, retryAfter: time.Second}
}

// refuseOverload answers a request that met a bound. Its body is not worth the wait.
func refuseOverload(w http.ResponseWriter, r *http.Request, message string) {
	w.Header().Set("Connection", "close")
	if r.Header.Get("X-Amz-Target") != "" {
		writeAWSProblem(w, overloaded(message))
		return
	}
	writeProblem(w, overloaded(message))
}

// usage is what one request uses. Its goroutine alone uses it; nil has no bounds.
type usage struct {
	load *Load
	// most is how far the bodies of all requests may go for this one.
	most         int64
	read, worked int64
}

type usageKey struct{}

// usageOf returns what a request uses, nil where nothing bounds it.
func usageOf(ctx context.Context) *usage {
	u, _ := ctx.Value(usageKey{}).(*usage)
	return u
}

// meter returns a reader that takes memory for what it reads, and fails with
// machine.ErrMemory where there is none.
func (u *usage) meter(r io.Reader) io.Reader {
	if u == nil {
		return r
	}
	return &metered{usage: u, from: r}
}

type metered struct {
	usage *usage
	from  io.Reader
	ended bool // all of it has been read
}

// Read reads, and pays for it.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	m.ended = m.ended || err == io.EOF
	if bytes := int64(n) * perByte; bytes > 0 {
		if !m.usage.load.bodies.Take(bytes, m.usage.most) {
			m.usage.load.refused.WithLabelValues(boundMemory).Inc()
			return 0, machine.ErrMemory
		}
		m.usage.read += bytes
	}
	return n, err
}

// begin waits for the memory to work on a body of n bytes, and returns machine.ErrMemory
// where that takes too long.
func (u *usage) begin(ctx context.Context, n int) error {
	if u == nil {
		return nil
	}
	bytes := min(int64(n)*workPerByte, u.load.workBytes) // one may always be worked on
	if !u.load.work.TryAcquire(bytes) {
		ctx, cancel := context.WithTimeout(ctx, workWait)
		defer cancel()
		if u.load.work.Acquire(ctx, bytes) != nil {
			u.load.refused.WithLabelValues(boundMemory).Inc()
			return machine.ErrMemory
		}
	}
	u.worked += bytes
	return nil
}

// end returns what the request has taken.
func (u *usage) end() {
	if u == nil {
		return
	}
	u.load.bodies.Give(u.read)
	u.load.work.Release(u.worked)
	u.read, u.worked = 0, 0
}
