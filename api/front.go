package api

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// Front stands before all else that a router serves. It answers for the router's
// health from the first moment on, and hands over to the router once that has
// recovered. The zero value is ready to use.
type Front struct {
	behind  atomic.Pointer[behind]
	closing atomic.Bool
	notes   atomic.Pointer[func() []string]
}

// behind is what stands behind a front that is open.
type behind struct {
	next  http.Handler
	ready func() error
}

// Open hands what comes from now on to the router. ready says why the router can't
// take events now, or nil.
func (f *Front) Open(next http.Handler, ready func() error) { f.behind.Store(&behind{next, ready}) }

// Tell adds notes to the answer of a router that is ready: what an operator must look at, in a
// line each. They are shown to everybody.
func (f *Front) Tell(notes func() []string) { f.notes.Store(&notes) }

// Close makes the router not ready any more. Requests are still handed to it.
func (f *Front) Close() { f.closing.Store(true) }

// The values of headers that every answer has. They are shared, and never changed.
var (
	noSniff = []string{"nosniff"}
	noPage  = []string{"default-src 'none'; frame-ancestors 'none'"}
)

// ServeHTTP answers /healthz and /readyz, which need no key, itself.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// No answer is a page, or part of one, unless its handler says so.
	header := w.Header()
	header["X-Content-Type-Options"] = noSniff
	header["Content-Security-Policy"] = noPage
	open := f.behind.Load()
	health := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
	switch {
	case health && !asksHealth(w, r):
	case r.URL.Path == "/healthz":
		say(w, "ok")
	case open == nil:
		w.Header().Set("Retry-After", "1")
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: "the router is starting", Hint: "try again when /readyz answers 200"})
	case !health:
		open.next.ServeHTTP(w, r)
	case f.closing.Load():
		WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"})
	default:
		if err := open.ready(); err != nil {
			WriteError(w, &Error{Status: http.StatusServiceUnavailable, Message: "no event can be taken in now: " + err.Error()})
			return
		}
		lines := []string{"ready"}
		if notes := f.notes.Load(); notes != nil {
			lines = append(lines, (*notes)()...)
		}
		say(w, strings.Join(lines, "\n"))
	}
}

// asksHealth reports whether a request asks for health as it may; it has answered where not.
func asksHealth(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		WriteError(w, &Error{Status: http.StatusMethodNotAllowed, Message: r.URL.Path + " takes GET, not " + r.Method})
		return false
	}
	if err := checkQuery(r.URL.RawQuery, nil); err != nil {
		WriteError(w, problemOf(err))
		return false
	}
	return true
}

func say(w http.ResponseWriter, what string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(what + "\n")) // a client that has gone misses nothing
}
