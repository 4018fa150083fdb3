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
	// Rows are the event table; SVG is the graph as a picture, empty with ?svg=false.
	Rows  []flow.Row  `json:"rows"`
	Graph *flow.Graph `json:"graph"`
	SVG   string      `json:"svg,omitempty"`
}

// showFlow returns the handler that draws the rules that serve.
func showFlow(r *router.Router) handler {
	return func(_ http.ResponseWriter, req *http.Request) (any, error) {
		q := req.URL.Query()
		drawn, err := boolOf(q, "svg")
		if err != nil {
			return nil, err
		}
		set := r.Rules()
		f, err := flow.Of(set, flow.Declared(set.Catalog))
		if err != nil {
			return nil, err
		}
		view := FlowView{Rows: f.Table(), Graph: f.Graph()}
		if q.Has("svg") && !drawn {
			return view, nil
		}
		var svg strings.Builder
		err = flow.WriteSVG(&svg, view.Graph)
		view.SVG = svg.String()
		return view, err
	}
}
