package api

import (
	"net/http"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/flow"
	"signalbox/history"
	"signalbox/router"
	"signalbox/rules/playground"
)

// try tries a rule that is not in use with an event.
func (h eventHandlers) try(w http.ResponseWriter, r *http.Request) (any, error) {
	var trial playground.Trial
	if err := read(w, r, &trial); err != nil {
		return nil, err
	}
	return playground.Run(trial, event.Defaults{ID: "playground", Account: "000000000000", Region: "local", Time: time.Now().UTC()})
}

// figures returns the handler of the figures of the last hour.
func figures(recorder *history.Recorder) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		q := r.URL.Query()
		return recorder.Series(history.Filter{Name: q.Get("name"), Target: q.Get("target"), Bus: q.Get("bus"), Rule: q.Get("rule")}), nil
	}
}

// FlowView is which messages lead to which.
type FlowView struct {
	// Rows are the event table; SVG is the graph as a picture.
	Rows []flow.Row `json:"rows"`
	SVG  string     `json:"svg"`
}

// showFlow returns the handler that draws the rules that serve.
func showFlow(r *router.Router) handler {
	return func(http.ResponseWriter, *http.Request) (any, error) {
		set := r.Rules()
		f, err := flow.Of(set, flow.Declared(set.Catalog))
		if err != nil {
			return nil, err
		}
		var svg strings.Builder
		if err := flow.WriteSVG(&svg, f.Graph()); err != nil {
			return nil, err
		}
		return FlowView{Rows: f.Table(), SVG: svg.String()}, nil
	}
}
