package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/audit"
	"signalbox/spelling"
)

// audited returns the handler of a route; what needs the right to operate, or more, is
// audited, whatever it is. A program whose process ends meanwhile leaves an entry as well.
func (a *api) audited(r *route) http.HandlerFunc {
	if !r.acts() {
		return r.handle
	}
	action := r.action()
	return func(w http.ResponseWriter, q *http.Request) {
		did := a.Audit.Begin(q, action, r.object(q))
		broken := "the handler failed"
		defer func() { did.End(broken) }()
		r.handle(&noted{w, did}, q.WithContext(audit.With(q.Context(), did)))
		broken = ""
	}
}

// acts reports whether a route changes what the router does.
func (r *route) acts() bool { return r.right == Operate || r.right == Admin }

// action returns the name of what a route does: its path without names, and its method
// where that is not what one would expect. POST /v1/targets/{name}/pause is targets.pause.
func (r *route) action() string {
	var steps []string
	for step := range strings.SplitSeq(r.path, "/") {
		if step != "" && step != "v1" && step != "-" && step[0] != '{' {
			steps = append(steps, step)
		}
	}
	if r.method != http.MethodPost && r.method != http.MethodGet {
		steps = append(steps, strings.ToLower(r.method))
	}
	return strings.Join(steps, ".")
}

// object returns the names in the path of a request.
func (r *route) object(q *http.Request) string {
	var names []string
	for _, m := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		names = append(names, q.PathValue(m[1]))
	}
	return strings.Join(names, "/")
}

// noted is the answer to a request that is audited.
type noted struct {
	http.ResponseWriter
	did *audit.Action
}

// Unwrap is for http.ResponseController.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// note tells the audit of an answer why it is an error.
func note(w http.ResponseWriter, problem *Error) {
	if n, ok := w.(*noted); ok {
		n.did.Fail(problem.Message)
	}
}

func (a *api) listAudit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	filter, err := auditFilter(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	limit, err := limitOf(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	page, err := a.Audit.List(filter, q.Get("cursor"), limit)
	if errors.Is(err, audit.ErrCursor) {
		err = badRequest("cursor %q: %v", q.Get("cursor"), err)
	}
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, page)
}

func auditFilter(q url.Values) (f audit.Filter, err error) {
	f = audit.Filter{Action: q.Get("action"), Object: q.Get("object"), Key: q.Get("key"), Outcome: audit.Outcome(q.Get("outcome"))}
	if f.Outcome != "" && !slices.Contains(audit.Outcomes, f.Outcome) {
		var names []string
		for _, o := range audit.Outcomes {
			names = append(names, string(o))
		}
		return f, badRequest("outcome %q%s: write one of %s", f.Outcome, spelling.Suggest(string(f.Outcome), names), strings.Join(names, ", "))
	}
	if f.Since, err = timeOf(q, "since"); err == nil {
		f.Until, err = timeOf(q, "until")
	}
	return f, err
}

// timeOf reads a parameter that is a time; zero where it is not there.
func timeOf(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, badRequest("%s %q: write a time such as 2026-01-31T15:04:05Z", name, text)
	}
	return at, nil
}

// Audit returns up to limit entries that the filter lets through, from where an earlier page
// ended, the latest first.
func (c *Client) Audit(ctx context.Context, f audit.Filter, cursor string, limit int) (page audit.Page, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, value := range map[string]string{"action": f.Action, "object": f.Object, "key": f.Key, "outcome": string(f.Outcome), "cursor": cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return page, c.get(ctx, "/v1/audit", q, &page)
}
