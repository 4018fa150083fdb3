package ingest

import (
	"context"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"signalbox/machine"
)

// Load bounds what requests may use together: how many are served at once, and the memory
// of their bodies. Those that bring events leave room for all others, so that health and
// management stay within reach.
type Load struct {
	work       *semaphore.Weighted
	workBytes  int64
	events     share
	management share
	refused    *prometheus.CounterVec
	// turns are those of bodies that have been read.
	turns turns
}

// share is what the requests of one sort may use. What management has is its own: no flood
// of events takes it, and none of management takes what events have.
type share struct {
	slots
	bodies *machine.Account
	// free is how much of each body is not counted, in bytes.
	free int64
}

const (
	// perByte is what a byte of a body takes while it is read: buffers grow by doubling.
	perByte = 2
	// workPerByte is what is made of a byte of a body that has been read: the event, its
	// envelope, and what the store writes.
	workPerByte = 3
	// workWait is how long a body that has been read may wait until others are done with.
	workWait = 10 * time.Second
	// managementShare is the part of the connections that is kept for management.
	managementShare = 8
	// mostManagement is as much of it as is of use.
	mostManagement = 64
	// freeManagement is how much of a body of management has room in any case, in bytes: an
	// order such as a purge is smaller, and mostManagement of them are 8 MiB.
	freeManagement = 64 << 10
)

// NewLoad returns the bounds of a server with so many connections and so much memory. The
// registerer may be nil.
func NewLoad(connections int, memory machine.Memory, registerer prometheus.Registerer) *Load {
	management := min(max(connections/managementShare, 2), mostManagement)
	managed := memory.Bodies / managementShare
	l := &Load{
		work: semaphore.NewWeighted(memory.Work), workBytes: memory.Work,
		events:     share{slots: slots{most: int64(max(1, connections-2*management))}, bodies: machine.NewAccount(memory.Bodies - managed)},
		management: share{slots: slots{most: int64(management), yielding: true}, bodies: machine.NewAccount(managed), free: freeManagement},
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_requests_overload_total", Help: "Requests answered with 503, as the router was at a bound, by which one.",
		}, []string{"bound"}),
	}
	yielded := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "signalbox_ingest_yield_seconds_total", Help: "Time that requests and sources have waited so that deliveries to healthy targets keep up.",
	})
	l.turns = turns{waited: func(d time.Duration) { yielded.Add(d.Seconds()) }}
	l.Yield(nil)
	for _, bound := range []string{boundConnections, boundMemory} {
		l.refused.WithLabelValues(bound)
	}
	if registerer != nil {
		registerer.MustRegister(l.refused, yielded, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "signalbox_request_bodies_bytes", Help: "Memory of request bodies that are being read.",
		}, func() float64 { return float64(l.events.bodies.Used() + l.management.bodies.Used()) }))
	}
	return l
}

// Yield sets what returns how many requests that bring events, and batches of sources, are to be worked on at once; nil
// is as many as come.
func (l *Load) Yield(limit func() int) {
	if limit == nil {
		limit = func() int { return math.MaxInt }
	}
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	l.turns.limit = limit
}

// Turn waits until something that brings events and is no request may be worked on: it takes turns
// with them. Leave must be called when that is done. The error is that of ctx.
func (l *Load) Turn(ctx context.Context) (leave func(), err error) {
	l.turns.take(ctx)
	if ctx.Err() != nil {
		l.turns.leave()
		return nil, ctx.Err()
	}
	return l.turns.leave, nil
}

// The bounds that a request may meet.
const (
	boundConnections = "connections"
	boundMemory      = "memory"
)

// Bound returns a handler that calls next within the bounds, and answers 503 beyond them.
func (l *Load) Bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of := &l.management
		if TakesEvents(r) {
			of = &l.events
		}
		b := &boundedRequest{Context: r.Context(), usage: usage{load: l, share: of}}
		if !of.take(&b.usage.place, w, r) {
			l.refused.WithLabelValues(boundConnections).Inc()
			refuseOverload(w, r, "too many requests are under way (limits.connections): send it again a little later")
			retire(r)
			return
		}
		defer b.usage.place.leave()
		defer b.usage.end()
		b.body = meteredBody{metered{usage: &b.usage, from: r.Body, ended: r.ContentLength == 0}, r.Body}
		r = r.WithContext(b)
		r.Body = &b.body
		next.ServeHTTP(w, r)
		if !b.body.ended {
			retire(r)
		}
	})
}

// TakesEvents reports whether a request is to the paths that take events, commands,
// queries and webhooks. One that reads /v1/events asks for those that are kept.
func TakesEvents(r *http.Request) bool {
	switch r.URL.Path {
	case "/v1/events":
		return r.Method != http.MethodGet && r.Method != http.MethodHead
	case "/", "/v1/commands", "/v1/queries":
		return true
	}
	return IsHook(r)
}

// boundedRequest is the context of a request within the bounds, with what it uses.
type boundedRequest struct {
	context.Context
	usage usage
	body  meteredBody
}

// Value returns what the request uses, for usageOf, or what the context holds.
func (b *boundedRequest) Value(key any) any {
	if key == (usageKey{}) {
		return &b.usage
	}
	return b.Context.Value(key)
}

type meteredBody struct {
	metered
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
	load  *Load
	share *share
	place place
	// read is how many bytes have been read, of which paid is the memory that was taken, also
	// for those up to claimed that are yet to come.
	read, paid, claimed, worked int64
	// turn means that it has a turn.
	turn bool
}

// pay takes the memory for n bytes more, and reports whether there is so much.
func (u *usage) pay(n int64) bool {
	u.read += n
	return u.read <= u.claimed || u.take((u.read-u.share.free)*perByte)
}

// expect takes the memory for a body of n bytes before all of it has come, for which a buffer of
// n bytes and one of its first part are enough, and reports whether there is so much.
func (u *usage) expect(n int64) bool {
	if u == nil {
		return true
	}
	u.claimed = n
	return u.take(n + firstPart)
}

// take makes what has been taken at least so many bytes, and reports whether there are.
func (u *usage) take(bytes int64) bool {
	due := bytes - u.paid
	if due <= 0 {
		return true
	}
	if !u.share.bodies.Take(due, u.share.bodies.Limit()) {
		u.load.refused.WithLabelValues(boundMemory).Inc()
		return false
	}
	u.paid += due
	return true
}

// leave gives the request's place to others while it only waits.
func (u *usage) leave() {
	if u != nil {
		u.place.leave()
	}
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
	if err == io.EOF {
		m.ended = true
		m.usage.place.arrived()
	}
	if !m.usage.pay(int64(n)) {
		return 0, machine.ErrMemory
	}
	return n, err
}

// begin waits for its turn, and for the memory to work on a body of n bytes; it returns
// machine.ErrMemory where that takes too long.
func (u *usage) begin(ctx context.Context, n int) error {
	if u == nil {
		return nil
	}
	if !u.turn {
		u.load.turns.take(ctx)
		u.turn = true
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
	if u.turn {
		u.turn = false
		u.load.turns.leave()
	}
	u.share.bodies.Give(u.paid)
	u.load.work.Release(u.worked)
	u.read, u.paid, u.claimed, u.worked = 0, 0, 0, 0
}
