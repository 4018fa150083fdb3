package api

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"signalbox/audit"
	"signalbox/auth"
	"signalbox/commands/work"
	"signalbox/dlq"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/rules"
	"signalbox/spelling"
	"signalbox/state"
	"signalbox/trace"
)

// The rights, for the table.
const (
	Nobody  = auth.Nobody
	Send    = auth.Send
	Read    = auth.Read
	Operate = auth.Operate
	Admin   = auth.Admin
)

// route is one method of one path: all that the mux, the checks and the OpenAPI document
// know of it. A new one is a line in the table and a handler.
type route struct {
	method, path string
	right        auth.Right
	// query are the parameters that it takes; any other is refused.
	query   string
	summary string
	// status is that of success, 200 where it is 0; answer is an example of its body's
	// type, nil for one that is not JSON, and body the same of the request.
	status       int
	answer, body any
	// handle is nil for what others serve, which only the document knows of.
	handle http.HandlerFunc
}

const (
	letterFilter = "target rule bus error_code status since until pattern limit cursor"
	sendOptions  = "bus dry_run synthetic correlation_id causation_id dedup_key partition_key schema_version kind"
)

// routes are all routes of the router.
func (a *api) routes() []route {
	var (
		targets  = targetRoutes{a}
		rule     = ruleRoutes{a}
		buses    = busRoutes{a}
		types    = catalogRoutes{a}
		letters  = deadLetterRoutes{a}
		redrives = redriveRoutes{a}
		states   = stateRoutes{a}
		traces   = traceRoutes{a}
		works    = workRoutes{a}
		explains = explainRoutes{a}
		events   = eventRoutes{a}
	)
	all := []route{
		{"GET", "/v1/rules", Read, "limit cursor", "Lists the rules.", 0, ruleList{}, nil, rule.listRules},
		{"GET", "/v1/rules/{bus}/{name}", Read, "", "Shows a rule.", 0, (*rules.Rule)(nil), nil, rule.getRule},
		{"POST", "/v1/rules/{bus}/{name}/pause", Operate, "", "Pauses a rule: its deliveries are suspended.", 0, pause.Rule{}, nil, rule.onRule(a.Router.Pauses.PauseRule)},
		{"POST", "/v1/rules/{bus}/{name}/resume", Operate, "", "Resumes a rule.", 0, pause.Rule{}, nil, rule.onRule(a.Router.Pauses.ResumeRule)},
		{"GET", "/v1/targets", Read, "limit cursor", "Lists the targets.", 0, targetList{}, nil, targets.listTargets},
		{"GET", "/v1/targets/{name}", Read, "", "Shows a target.", 0, TargetView{}, nil, targets.getTarget},
		{"POST", "/v1/targets/{name}/pause", Operate, "", "Pauses a target: nothing is attempted.", 0, TargetView{}, nil, targets.onTarget(a.Router.Pauses.PauseTarget)},
		{"POST", "/v1/targets/{name}/resume", Operate, "", "Resumes a target.", 0, TargetView{}, nil, targets.onTarget(a.Router.Pauses.ResumeTarget)},
		{"POST", "/v1/targets/{name}/retry", Operate, "", "Makes all that waits at a target for a later attempt due now.", 0, TargetView{}, nil, targets.onTarget(targets.retryTarget)},
		{"POST", "/v1/targets/{name}/drain", Operate, "", "Delivers the backlog of a target, and then pauses it.", 0, TargetView{}, nil, targets.onTarget(a.Router.Pauses.DrainTarget)},
		{"GET", "/v1/targets/{name}/keys", Read, "limit cursor", "Lists the blocked ordering keys of a target.", 0, KeyPage{}, nil, targets.listKeys},
		{"POST", "/v1/targets/{name}/keys/resume", Operate, "", "Unblocks an ordering key.", 0, ResumeKeyRequest{}, ResumeKeyRequest{}, targets.resumeKey},
		{"GET", "/v1/buses", Read, "limit cursor", "Lists the buses.", 0, busList{}, nil, buses.listBuses},
		{"GET", "/v1/buses/{name}", Read, "", "Shows a bus.", 0, BusView{}, nil, buses.getBus},
		{"GET", "/v1/deadletters", Read, letterFilter, "Lists dead letters, the oldest event first.", 0, dlq.Page{}, nil, letters.listDeadLetters},
		{"GET", "/v1/deadletters/{id}", Read, "", "Shows a dead letter.", 0, (*dlq.Letter)(nil), nil, letters.getDeadLetter},
		{"POST", "/v1/deadletters/redrive", Operate, "dry_run", "Replays dead letters, or previews that.", http.StatusAccepted, dlq.Job{}, RedriveRequest{}, redrives.redrive},
		{"POST", "/v1/deadletters/purge", Operate, "", "Deletes dead letters; answers in lines of JSON.", 0, nil, PurgeRequest{}, letters.purge},
		{"GET", "/v1/redrives", Read, "limit cursor", "Lists the replays of dead letters, the latest first.", 0, RedriveList{}, nil, redrives.listRedrives},
		{"GET", "/v1/redrives/{id}", Read, "", "Shows a replay of dead letters.", 0, dlq.Job{}, nil, redrives.getRedrive},
		{"POST", "/v1/redrives/{id}/cancel", Operate, "", "Cancels a replay of dead letters.", http.StatusAccepted, dlq.Job{}, nil, redrives.cancelRedrive},
		{"POST", "/v1/redrives/{id}/resume", Operate, "", "Continues a replay that stopped or was cancelled.", http.StatusAccepted, dlq.Job{}, nil, redrives.resumeRedrive},
		{"GET", "/v1/events/{id}", Read, "", "Shows an event.", 0, storedEvent{}, nil, events.getEvent},
		{"GET", "/v1/events/{id}/trace", Read, "limit", "Shows what happened to an event.", 0, (*trace.Trace)(nil), nil, traces.traceEvent},
		{"GET", "/v1/traces/{id}", Read, "limit", "Shows what happened to all events with a correlation id.", 0, (*trace.Trace)(nil), nil, traces.traceCorrelation},
		{"GET", "/v1/state", Read, "", "Lists the types of objects whose state is known.", 0, StateTypes{}, nil, states.listStateTypes},
		{"GET", "/v1/state/{type}", Read, "key version prefix limit cursor after", "Lists the states of a type, or shows that of ?key=.", 0, StatePage{}, nil, states.listStates},
		{"GET", "/v1/state/{type}/{key...}", Read, "version", "Shows the state of an object.", 0, (*state.Object)(nil), nil, states.getState},
		{"GET", "/v1/work-requests", Read, "action_type operation service entity_type correlation_id open limit cursor", "Lists the work requests of commands, the latest first.", 0, WorkPage{}, nil, works.listWork},
		{"GET", "/v1/work-requests/{id}", Read, "", "Shows a work request.", 0, (*work.Request)(nil), nil, works.getWork},
		{"DELETE", "/v1/work-requests/{id}", Operate, "", "Asks for the end of a work request.", http.StatusAccepted, (*work.Request)(nil), nil, works.cancelWork},
		{"GET", "/v1/catalog", Read, "", "Shows the declared types.", 0, catalogView{}, nil, types.getCatalog},
		{"GET", "/v1/catalog/discover", Read, "limit since", "Proposes declarations of the types of the latest events.", 0, (*router.Discovered)(nil), nil, types.discover},
		{"POST", "/v1/explain", Read, "bus", "Explains which rules match an event, and why the others do not.", 0, Explanation{}, map[string]any{}, explains.explain},
		{"GET", "/v1/audit", Read, "action object key outcome since until limit cursor", "Lists who did what with the right to operate, and who was refused, the latest first.", 0, audit.Page{}, nil, a.listAudit},
		{"GET", "/v1/accounts", Read, "", "Shows the counters of events and deliveries.", 0, router.Accounts{}, nil, events.getAccounts},
		{"POST", "/v1/backup", Admin, "", "Sends a copy of the store as it is now, as a tar archive whose last file is backup.json.", 0, nil, nil, a.backup},
		{"GET", "/v1/openapi.json", Read, "", "This document.", 0, map[string]any{}, nil, a.openAPI},
		{"GET", "/metrics", Read, "", "The metrics, for Prometheus.", 0, nil, nil, promhttp.HandlerFor(a.Gatherer, promhttp.HandlerOpts{
			ErrorLog: zap.NewStdLog(a.Logger), EnableOpenMetrics: true,
		}).ServeHTTP},
		{"GET", "/healthz", Nobody, "", "Answers while the process runs.", 0, nil, nil, nil},
		{"GET", "/readyz", Nobody, "", "Answers 503 while no event can be accepted.", 0, nil, nil, nil},
		{"POST", "/", Send, "", "PutEvents and TestEventPattern of the EventBridge API.", 0, map[string]any{}, map[string]any{}, nil},
		{"POST", "/v1/events", Send, sendOptions, "Accepts CloudEvents, OCI events and plain events.", 0, map[string]any{}, map[string]any{}, nil},
		{"POST", "/v1/commands", Send, sendOptions + " wait", "Accepts a command, and waits for its handler.", 0, map[string]any{}, map[string]any{}, nil},
		{"POST", "/v1/queries", Send, sendOptions + " wait", "Accepts a query, and waits for its reply.", 0, map[string]any{}, map[string]any{}, nil},
	}
	if a.Reloader != nil {
		all = append(all, route{"POST", "/-/reload", Operate, "", "Reads all files again.", 0, reloaded{}, nil, a.reload})
	}
	return all
}

// mux serves the routes.
func (a *api) mux(routes []route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.handle == nil {
			continue
		}
		known := strings.Fields(r.query)
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, q *http.Request) {
			if err := a.allowed(q, r.right); err != nil {
				a.fail(w, err)
				return
			}
			if err := checkQuery(q.URL.Query(), known); err != nil {
				a.fail(w, err)
				return
			}
			a.audited(&r)(w, q)
		})
	}
	return mux
}

// allowed refuses a caller whose key lacks a right.
func (a *api) allowed(q *http.Request, right auth.Right) error {
	name, rights := auth.Caller(q.Context())
	if !rights.May(right) {
		a.Audit.Refused(q, "right")
		return &Error{Status: http.StatusForbidden, Message: fmt.Sprintf("the key %q has no right to %s", name, right),
			Hint: "add it to the key's rights in the configuration"}
	}
	return nil
}

// checkQuery refuses parameters that a route does not take: a filter that is not
// understood must not let everything through.
func checkQuery(q url.Values, known []string) error {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if slices.Contains(known, name) {
			continue
		}
		problem := badRequest("unknown parameter %q%s", name, spelling.Suggest(name, known))
		if problem.Hint = "this path takes no parameters"; len(known) > 0 {
			problem.Hint = "the parameters here are " + strings.Join(known, ", ")
		}
		return problem
	}
	return nil
}

// page returns the part of a list that a query asks for, from the element behind the
// cursor on, which is the name of one; and the next cursor, empty at the end.
func page[T any](q url.Values, list []T, name func(*T) string) (part []T, next string, err error) {
	limit := len(list)
	if q.Has("limit") {
		if limit, err = limitOf(q); err != nil {
			return nil, "", err
		}
	}
	begin := 0
	if cursor := q.Get("cursor"); cursor != "" {
		begin = slices.IndexFunc(list, func(x T) bool { return name(&x) == cursor }) + 1
		if begin == 0 {
			return nil, "", badRequest("cursor %q: use the next_cursor of an earlier page", cursor)
		}
	}
	end := min(begin+limit, len(list))
	if end < len(list) && end > begin {
		next = name(&list[end-1])
	}
	return append([]T{}, list[begin:end]...), next, nil
}

// methodsOf returns the methods that a path takes, for the header Allow.
func methodsOf(mux *http.ServeMux, r *http.Request) (takes []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern != "" {
			takes = append(takes, method)
		}
	}
	return takes
}

// codeOf is the code of an error that has none of its own.
func codeOf(status int) string {
	return cmp.Or(map[int]string{
		http.StatusBadRequest: "InvalidRequest", http.StatusNotFound: "NotFound", http.StatusMethodNotAllowed: "MethodNotAllowed",
		http.StatusConflict: "Conflict", http.StatusGone: "Gone", http.StatusRequestEntityTooLarge: "TooLarge",
		http.StatusServiceUnavailable: "Unavailable", http.StatusInternalServerError: "InternalError",
	}[status], fmt.Sprintf("Status%d", status))
}
