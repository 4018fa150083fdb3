// Package api is the management HTTP: what commands use to look into a running router and to
// act on it. Its client is api/client.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/history"
	"signalbox/journal/backup"
	"signalbox/router"
	"signalbox/rules"
	"signalbox/schedule"
	"signalbox/sources"
)

// Options are what the API shows and acts on. All are required but Logger, Stopping, Store,
// and Sources, Archives, Audit, History, Reloader and Diff, whose routes a program that has none does not serve.
type Options struct {
	Router *router.Router
	// Sources are where messages of brokers come from.
	Sources *sources.Supervisor
	// Archives are what is kept for longer than in the store.
	Archives *archiver.Archiver
	// Documents returns what was made by EventBridge's API as rule files; nil where there is none.
	Documents func() ([]rules.Document, error)
	// Schedules fires the rules that have one; nil where none do.
	Schedules *schedule.Runner
	// Store is what POST /v1/backup copies, and Version the program's that did.
	Store    backup.Store
	Version  string
	Audit    *audit.Log
	History  *history.Recorder
	Reloader *config.Reloader
	// Diff compares rules on past events.
	Diff     *diff.Store
	Gatherer prometheus.Gatherer
	Logger   *zap.Logger
	// Cluster is that which the router is a node of; nil where it is alone.
	Cluster Cluster
	// Stopping ends when the router begins to stop: purges are then broken off.
	Stopping context.Context
}

// handler answers a request: what it returns is written as JSON, and an error as an Error. One
// that returns nothing has answered itself.
type handler func(w http.ResponseWriter, r *http.Request) (any, error)

// New makes the handler of the management HTTP. It does not authenticate.
func New(opts Options) http.Handler {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	out := answers{opts.Logger}
	mux := http.NewServeMux()
	for _, r := range routes(opts) {
		if r.handle != nil {
			mux.Handle(r.method+" "+r.path, r.serve(out, opts.Audit))
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := unclean(r.URL); err != nil {
			out.fail(w, err)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			out.fail(w, unknown(w, r, mux))
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

// unknown returns the error for what the API does not have, as the mux would tell it.
func unknown(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) error {
	if takes := methodsOf(mux, r); len(takes) > 0 {
		w.Header().Set("Allow", strings.Replace(strings.Join(takes, ", "), "GET", "GET, HEAD", 1))
		return &Error{
			Status:  http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(takes, " or "), r.Method),
		}
	}
	return &Error{
		Status:  http.StatusNotFound,
		Message: fmt.Sprintf("nothing is at %s", r.URL.Path),
		Hint:    "events go to POST / (PutEvents) or POST /v1/events",
	}
}

// answers writes answers.
type answers struct{ log *zap.Logger }

func (a answers) write(w http.ResponseWriter, status int, result any) {
	if err := writeJSON(w, status, result); err != nil {
		a.fail(w, err)
	}
}

// fail writes an error. What the client can't fix is logged and not told.
func (a answers) fail(w http.ResponseWriter, err error) {
	problem := problemOf(err)
	if problem.Status == http.StatusInternalServerError {
		a.log.Error("request to the API failed", zap.Error(err))
	}
	WriteError(w, problem)
}

// writeJSON writes an answer. An error is of what can't be written as JSON.
func writeJSON(w http.ResponseWriter, status int, result any) error {
	body, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone misses nothing
	return nil
}
