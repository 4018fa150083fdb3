package serve

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/api"
	"signalbox/console"
	"signalbox/ingest"
)

// handler serves ingest, and the API for all else. Hooks verify requests themselves, and the
// console asks for keys and looks at names by asking what is guarded.
func (s *server) handler(gatherer prometheus.Gatherer, stopping context.Context) http.Handler {
	management := api.New(api.Options{
		Router: s.router, Sources: s.sources, Archives: s.archiver, Schedules: s.schedule, Documents: s.aws.Export, Store: s.journal, Version: s.Version, Audit: s.audit, History: s.history, Reloader: s.reloader,
		Diff: s.past(), Gatherer: gatherer, Logger: s.log, Stopping: stopping, Cluster: s.control(),
	})
	guarded := s.guard.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ingest.TakesEvents(r) { // a mux would lead the path of one object's state to that of another
			s.ingest.ServeHTTP(w, r)
		} else {
			management.ServeHTTP(w, r)
		}
	}))
	pages := s.console(guarded, stopping)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case ingest.IsHook(r):
			s.hooks.ServeHTTP(w, r)
		case pages != nil && console.Serves(r):
			pages.ServeHTTP(w, r)
		default:
			guarded.ServeHTTP(w, r)
		}
	})
}

// console returns the web pages, nil where they are off.
func (s *server) console(guarded http.Handler, stopping context.Context) http.Handler {
	if s.cfg.Console != "on" {
		return nil
	}
	return console.New(console.Options{API: guarded, NeedsKey: s.guard.NeedsKey, Version: s.Version, Logger: s.log, Stopping: stopping})
}
