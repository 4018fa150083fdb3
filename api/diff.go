package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"signalbox/audit"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/router"
	"signalbox/rules"
)

// DiffRequest is the body of POST /v1/diff.
type DiffRequest struct {
	// Rules are the candidate: its documents stand in place of all rule files.
	Rules []RuleDocument `json:"rules"`
	diff.Range
}

// RuleDocument is a rule file. It is JSON where its name ends in .json, else YAML.
type RuleDocument struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// diffHandlers compare rules on past events.
type diffHandlers struct {
	router   *router.Router
	reloader *config.Reloader
	events   *diff.Store
	stopping context.Context
	turns    chan struct{}
}

// The bounds of a comparison: the documents of a candidate, in bytes, and the time.
const (
	maxDocuments = 32 << 20
	maxDiff      = time.Minute
)

// diff compares the rules that serve with a candidate.
func (h diffHandlers) diff(w http.ResponseWriter, r *http.Request) (any, error) {
	var req DiffRequest
	if err := readUpTo(w, r, &req, maxDocuments); err != nil {
		return nil, err
	}
	audit.Of(r.Context()).Detail(map[string]any{"files": len(req.Rules), "since": req.Since, "until": req.Until})
	if len(req.Rules) == 0 {
		return nil, &Error{Status: http.StatusBadRequest, Message: "body: there are no rules", Hint: `send the candidate's rule files, such as {"rules": [{"name": "orders.yaml", "text": "rules: …"}]}`}
	}
	documents := make([]rules.Document, len(req.Rules))
	for i, d := range req.Rules {
		documents[i] = rules.Document{Path: d.Name, Text: []byte(d.Text)}
	}
	serves, candidate, err := h.reloader.Candidate(documents)
	if err != nil {
		p := reloadProblem(err)
		p.Hint = "nothing was compared"
		return nil, p
	}
	return h.inTime(w, r, func(ctx context.Context) (*diff.Result, error) {
		return h.events.Compare(ctx, req.Range, serves, candidate, maxDiff)
	})
}

// shadow shows what a shadow rule would have sent.
func (h diffHandlers) shadow(w http.ResponseWriter, r *http.Request) (any, error) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	set := h.router.Rules()
	rule := set.Rule(bus, name)
	if rule == nil {
		return nil, ruleHandlers{router: h.router}.unknown(bus, name)
	}
	if rule.State != rules.Shadow {
		return nil, &Error{Status: http.StatusConflict, Message: fmt.Sprintf("rule %q is %s, not in state shadow", name, rule.State),
			Hint: "signalbox events --rule lists what a rule has sent, and signalbox diff shows what another would"}
	}
	asked, err := rangeOf(r)
	if err != nil {
		return nil, err
	}
	return h.inTime(w, r, func(ctx context.Context) (*diff.Result, error) {
		return h.events.Shadow(ctx, asked, set, rule, maxDiff)
	})
}

// inTime compares in turn, as long as the client waits and the router does not stop.
func (h diffHandlers) inTime(w http.ResponseWriter, r *http.Request, compare func(context.Context) (*diff.Result, error)) (any, error) {
	ctx, cancel := untilStop(r.Context(), h.stopping)
	defer cancel()
	takesLong(w)
	return inTurn(ctx, h.turns, func() (*diff.Result, error) { return compare(ctx) })
}

// rangeOf reads a range from a query.
func rangeOf(r *http.Request) (asked diff.Range, err error) {
	q := r.URL.Query()
	if p := q.Get("pattern"); p != "" {
		asked.Pattern = json.RawMessage(p)
	}
	if asked.Since, err = timeOf(q, "since"); err != nil {
		return asked, err
	}
	if asked.Until, err = timeOf(q, "until"); err != nil || !q.Has("samples") {
		return asked, err
	}
	n, err := strconv.Atoi(q.Get("samples"))
	if err != nil {
		return asked, badRequest("samples %q: write a number from 0 to %d", q.Get("samples"), diff.MaxSamples)
	}
	asked.Samples = &n
	return asked, nil
}
