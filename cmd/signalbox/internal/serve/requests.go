package serve

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// requestsTime is how long requests under way may take at the end of a term.
const requestsTime = time.Second

// requests hands requests on, and knows of those under way. Once they are at an end, what comes goes elsewhere.
type requests struct {
	next    http.Handler
	after   http.Handler
	mu      sync.Mutex
	ended   bool
	running sync.WaitGroup
}

// ServeHTTP hands a request on.
func (q *requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	if q.ended {
		q.mu.Unlock()
		q.after.ServeHTTP(w, r)
		return
	}
	q.running.Add(1)
	q.mu.Unlock()
	end := sync.OnceFunc(q.running.Done)
	defer end()
	q.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), endKey{}, end)))
}

type endKey struct{}

// leave ends a request as far as those that wait for it go: it needs nothing more of this node, as one that waits for
// another to lead.
func leave(r *http.Request) {
	if end, ok := r.Context().Value(endKey{}).(func()); ok {
		end()
	}
}

// stop lets no more in, and waits for those under way.
func (q *requests) stop(ctx context.Context) {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	_ = waited(ctx, requestsTime, q.running.Wait)
}
