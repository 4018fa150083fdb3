package audit

import (
	"cmp"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"signalbox/auth"
)

// Anybody can be refused, as often as they like. So a caller has one entry in a period, which
// counts; the callers that come too fast share one. Counts are stored every while.
const (
	period    = time.Hour
	every     = time.Minute
	burst     = 16          // callers at once
	callerGap = time.Minute // and another one after that
)

// refusals gathers refusals.
type refusals struct {
	log     *Log
	counter *prometheus.CounterVec
	// notes bounds the log; unsaid are the refusals that it has not told.
	notes  *rate.Limiter
	unsaid atomic.Int64
	admits *rate.Limiter // another caller

	wake, quit chan struct{}
	running    sync.WaitGroup
	stopping   sync.Once

	mu     sync.Mutex
	recent map[caller]*refusal // those of which the period has not ended
}

// caller is who was refused, and why.
type caller struct{ reason, key, from string }

type refusal struct {
	entry  Entry
	count  int
	stored int // the count that is in the store
}

func newRefusals(l *Log, registerer prometheus.Registerer) *refusals {
	r := &refusals{log: l, notes: rate.NewLimiter(rate.Every(time.Second), 5), admits: rate.NewLimiter(rate.Every(callerGap), burst), wake: make(chan struct{}, 1), quit: make(chan struct{}),
		recent: map[caller]*refusal{},
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signalbox_requests_refused_total", Help: "Requests without the key, the right or the name that they need.",
		}, []string{"reason"})}
	for _, reason := range []string{"key", "right", "host", "hook"} {
		r.counter.WithLabelValues(reason)
	}
	if registerer != nil {
		registerer.MustRegister(r.counter)
	}
	return r
}

// note counts a refusal, and logs it unless there are too many.
func (r *refusals) note(q *http.Request, reason string) {
	r.counter.WithLabelValues(reason).Inc()
	name, _ := auth.Caller(q.Context())
	if r.notes.Allow() {
		r.log.log.Warn("a request was refused", zap.String("reason", reason), zap.String("key", name), zap.String("from", q.RemoteAddr),
			zap.String("method", bounded(q.Method)), zap.String("path", bounded(q.URL.Path)), zap.Int64("others", r.unsaid.Swap(0)))
	} else {
		r.unsaid.Add(1)
	}
	who := caller{reason, name, host(q.RemoteAddr)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent[who] == nil && !r.admits.Allow() {
		who = caller{from: "others"}
	}
	if r.recent[who] == nil {
		e := r.log.entry(RequestRefused, q.Method+" "+q.URL.Path, who.from)
		e.Key, e.Reason, e.Outcome = who.key, who.reason, Refused
		r.recent[who] = &refusal{entry: e}
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	r.recent[who].count++
	r.recent[who].entry.Until = time.Now().UTC()
}

// host returns an address without its port.
func host(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil {
		return a.Addr().Unmap().String()
	}
	return cmp.Or(addr, "?")
}

func (r *refusals) start() {
	r.running.Go(func() {
		ends := time.NewTicker(every)
		defer ends.Stop()
		for {
			select {
			case <-r.wake:
				r.store(func(f *refusal) bool { return f.stored == 0 })
			case <-ends.C:
				r.store(func(*refusal) bool { return true })
				r.forget()
			case <-r.quit:
				r.store(func(*refusal) bool { return true })
				return
			}
		}
	})
}

func (r *refusals) stop() {
	r.stopping.Do(func() { close(r.quit) })
	r.running.Wait()
}

// store stores those that are chosen and not yet as they are in the store.
func (r *refusals) store(chosen func(*refusal) bool) {
	var due []Entry
	r.mu.Lock()
	for _, f := range r.recent {
		if f.count != f.stored && chosen(f) {
			f.stored = f.count
			e, n := f.entry, f.count
			e.Count = &n
			due = append(due, e)
		}
	}
	r.mu.Unlock()
	for i := range due {
		r.log.put(&due[i])
	}
}

// forget leaves out those whose period has ended, once all of them are stored.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for who, f := range r.recent {
		if f.count == f.stored && time.Since(f.entry.Time) >= period {
			delete(r.recent, who)
		}
	}
}
