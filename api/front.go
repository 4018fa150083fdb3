package api

import (
	"net/http"
	"sync/atomic"
)

// Front stands before all else that a router serves. It answers for the router's
// health from the first moment on, and hands over to the router once that has
// recovered. The zero value is ready to use.
type Front struct {
	next    atomic.Pointer[http.Handler]
	closing atomic.Bool
}

// Open hands what comes from now on to the router.
func (f *Front) Open(next http.Handler) { f.next.Store(&next) }

// Close says that the router is not ready any more. What comes is still handed
// to it.
func (f *Front) Close() { f.closing.Store(true) }

// ServeHTTP answers /healthz and /readyz, which need no key, itself.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next := f.next.Load()
	switch {
	case r.URL.Path == "/healthz":
		say(w, "ok")
	case next == nil:
		w.Header().Set("Retry-After", "1")
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: "the router is starting", Hint: "try again when /readyz answers 200"})
	case r.URL.Path != "/readyz":
		(*next).ServeHTTP(w, r)
	case f.closing.Load():
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"})
	default:
		say(w, "ready")
	}
}

func say(w http.ResponseWriter, what string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(what + "\n")) // a client that has gone misses nothing
}
