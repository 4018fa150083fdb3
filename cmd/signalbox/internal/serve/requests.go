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
	defer q.running.Done()
	q.next.ServeHTTP(w, r)
}

// stop lets no more in, and waits for those under way.
func (q *requests) stop(ctx context.Context) {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	_ = waited(ctx, requestsTime, q.running.Wait)
}
