package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signalbox/audit"
	"signalbox/spelling"
)

// audited returns the handler of a route; what needs the right to operate, or more, is
// audited, whatever it is. A program whose process ends meanwhile leaves an entry as well.
func audited(log *audit.Log, r *route) handler {
	if !r.acts() || log == nil {
		return r.handle
	}
	action := r.action()
	return func(w http.ResponseWriter, q *http.Request) (answer any, err error) {
		did := log.Begin(q, action, r.object(q))
		broken := "the handler failed"
		defer func() { did.End(broken) }()
		answer, err = r.handle(w, q.WithContext(audit.With(q.Context(), did)))
		if broken = ""; err != nil {
			broken = problemOf(err).Message
		}
		return answer, err
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

// auditHandlers show who operated the router.
type auditHandlers struct{ log *audit.Log }

func (h auditHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	filter, err := auditFilter(q)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	page, err := h.log.List(filter, q.Get("cursor"), limit)
	if errors.Is(err, audit.ErrCursor) {
		err = badCursor(q.Get("cursor"))
	}
	return page, err
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
