// Package api is the management HTTP: what commands and the console use to look
// into a running router and to act on it, and the client for it.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/audit"
	"signalbox/config"
	"signalbox/journal/backup"
	"signalbox/router"
)

// Options are what the API shows and acts on. All are required but Store and Reloader, for a
// program whose rules are not reloaded this way, Logger and Stopping.
type Options struct {
	Router *router.Router
	// Store is what POST /v1/backup copies, and Version the program's that did.
	Store    backup.Store
	Version  string
	Audit    *audit.Log
	Reloader *config.Reloader
	Gatherer prometheus.Gatherer
	Logger   *zap.Logger
	// Stopping ends when the router begins to stop: purges are then broken off.
	Stopping context.Context
}

// api holds the handlers.
type api struct {
	Options
	// traces bounds the traces that are made at a time.
	traces chan struct{}
}

// New makes the handler of the management HTTP. It does not authenticate.
func New(opts Options) http.Handler {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	a := &api{Options: opts, traces: make(chan struct{}, maxTraces)}
	mux := a.mux(a.routes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := unclean(r.URL); err != nil {
			a.fail(w, err)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			a.unknown(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// unclean refuses a path that the mux would clean and lead elsewhere: the key of an
// object may be "a//b" or "..", and is not that of another.
func unclean(u *url.URL) error {
	steps := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	for i, step := range steps {
		if i > 0 && (step == "" || step == "." || step == "..") {
			return &Error{
				Status:  http.StatusBadRequest,
				Message: fmt.Sprintf("the path %s has an empty step, or one that is only dots", u.EscapedPath()),
				Hint:    "write a slash within a name as %2F and a dot as %2E; the key of a state may also be given as ?key=",
			}
		}
	}
	return nil
}

// unknown answers for what the API does not have, as the mux would, but in JSON.
func (a *api) unknown(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	if takes := methodsOf(mux, r); len(takes) > 0 {
		w.Header().Set("Allow", strings.Join(takes, ", "))
		a.fail(w, &Error{
			Status:  http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(takes, " or "), r.Method),
		})
		return
	}
	a.fail(w, &Error{
		Status:  http.StatusNotFound,
		Message: fmt.Sprintf("nothing is at %s", r.URL.Path),
		Hint:    "events go to POST / (PutEvents) or POST /v1/events",
	})
}

// answer writes a result.
func (a *api) answer(w http.ResponseWriter, result any) { a.answerAs(w, http.StatusOK, result) }

func (a *api) answerAs(w http.ResponseWriter, status int, result any) {
	body, err := json.Marshal(result)
	if err != nil {
		a.fail(w, fmt.Errorf("answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone misses nothing
}

// maxRequest bounds the body of a request to the API, in bytes: an event with
// its JSON around it.
const maxRequest = 4 << 20

// read decodes the body of a request, in which every member must be known.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.More() {
		err = errors.New("more follows after the first value")
	}
	if err == nil {
		return nil
	}
	return tooLarge(err)
}
