package api

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/auth"
	"signalbox/commands/work"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/dlq"
	"signalbox/history"
	"signalbox/replay"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/rules"
	"signalbox/rules/explain"
	"signalbox/rules/playground"
	"signalbox/sources"
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
	handle handler
}

const (
	letterFilter = "target rule bus error_code status since until pattern limit cursor"
	eventFilter  = "id correlation_id bus source detail_type rule target text pattern since"
	sendOptions  = "bus dry_run synthetic"
)

// What others serve, as the document tells it: package ingest answers with these.
const handshake = "Tells a sender of webhooks that it may send."

var (
	plain    = content{"text/plain": nil}
	awsJSON  = content{"application/x-amz-json-1.1": map[string]any{}}
	messages = content{"application/json": nil, "application/cloudevents+json": nil, "application/cloudevents-batch+json": nil, "*/*": nil}
)

// sent is the answer to events that were sent.
type sent struct {
	Error  *Error `json:"error,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
	// Events have a result for each event, in order.
	Events []sentEvent `json:"events,omitempty"`
}

type sentEvent struct {
	ID        string `json:"id,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Plan      any    `json:"plan,omitempty"`
	Error     *Error `json:"error,omitempty"`
}

// challenge is the answer to a provider that asks whether a hook is there.
type challenge struct {
	Challenge string `json:"challenge"`
}

// routes returns all routes of the router.
func routes(o Options) []route {
	r := o.Router
	var (
		rule     = ruleHandlers{r, o.Schedules, o.Documents}
		keys     = keyHandlers{r}
		target   = targetHandlers{r, keys}
		buses    = busHandlers{r}
		letters  = letterHandlers{r.DeadLetters, o.Stopping}
		redrives = redriveHandlers{r.DeadLetters}
		replays  = replayHandlers{r.Replays}
		events   = eventHandlers{r}
		traces   = newTraceHandlers(r.Traces, o.Stopping)
		states   = newStateHandlers(r.States)
		kept     = keptRoutes(letters, traces, states)
		requests = workHandlers{r.Commands}
		types    = catalogHandlers{r}
	)
	all := []route{
		{"GET", "/v1/rules", Read, "limit cursor", "Lists the rules.", 0, ruleList{}, nil, rule.list},
		{"GET", "/v1/rules/{bus}/{name}", Read, "", "Shows a rule.", 0, (*rules.Rule)(nil), nil, rule.get},
		{"GET", "/v1/rules/{bus}/{name}/status", Read, "", "Shows when a rule last matched, how its condition last failed, and how it is paused.", 0, RuleStatus{}, nil, rule.status},
		{"GET", "/v1/rule-documents", Read, "", "Returns what was made by EventBridge's API as rule files.", 0, RuleDocuments{}, nil, rule.documents},
		{"GET", "/v1/rules/{bus}/{name}/schedule", Read, "limit", "Shows when a rule with a schedule fires next.", 0, ScheduleView{}, nil, rule.schedule},
		{"POST", "/v1/rules/{bus}/{name}/pause", Operate, "", "Pauses a rule: its deliveries are suspended.", 0, pause.Rule{}, nil, rule.verb(r.Pauses.PauseRule)},
		{"POST", "/v1/rules/{bus}/{name}/resume", Operate, "", "Resumes a rule.", 0, pause.Rule{}, nil, rule.verb(r.Pauses.ResumeRule)},
		{"GET", "/v1/targets", Read, "limit cursor", "Lists the targets.", 0, targetList{}, nil, target.list},
		{"GET", "/v1/targets/{name}", Read, "", "Shows a target.", 0, TargetView{}, nil, target.get},
		{"POST", "/v1/targets/{name}/pause", Operate, "", "Pauses a target: nothing is attempted.", 0, TargetView{}, nil, target.verb(r.Pauses.PauseTarget)},
		{"POST", "/v1/targets/{name}/resume", Operate, "", "Resumes a target.", 0, TargetView{}, nil, target.verb(r.Pauses.ResumeTarget)},
		{"POST", "/v1/targets/{name}/retry", Operate, "", "Makes all that waits at a target for a later attempt due now.", 0, TargetView{}, nil, target.verb(target.retry)},
		{"POST", "/v1/targets/{name}/drain", Operate, "", "Delivers the backlog of a target, and then pauses it.", 0, TargetView{}, nil, target.verb(r.Pauses.DrainTarget)},
		{"GET", "/v1/targets/{name}/keys", Read, "limit cursor", "Lists the blocked ordering keys of a target.", 0, KeyPage{}, nil, keys.list},
		{"POST", "/v1/targets/{name}/keys/resume", Operate, "", "Unblocks an ordering key.", 0, ResumeKeyRequest{}, ResumeKeyRequest{}, keys.resume},
		{"GET", "/v1/buses", Read, "limit cursor", "Lists the buses.", 0, busList{}, nil, buses.list},
		{"GET", "/v1/buses/{name}", Read, "", "Shows a bus.", 0, BusView{}, nil, buses.get},
		{"POST", "/v1/deadletters/redrive", Operate, "dry_run", "Replays dead letters, or previews that.", http.StatusAccepted, statuses{202: dlq.Job{}, 200: dlq.Preview{}}, RedriveRequest{}, letters.redrive},
		{"POST", "/v1/deadletters/purge", Operate, "", "Deletes dead letters; answers in lines of JSON.", 0, content{"application/x-ndjson": Step{}}, PurgeRequest{}, letters.purge},
		{"GET", "/v1/redrives", Read, "limit cursor", "Lists the replays of dead letters, the latest first.", 0, RedriveList{}, nil, redrives.list},
		{"GET", "/v1/redrives/{id}", Read, "", "Shows a replay of dead letters.", 0, dlq.Job{}, nil, redrives.get},
		{"POST", "/v1/redrives/{id}/cancel", Operate, "", "Cancels a replay of dead letters.", http.StatusAccepted, dlq.Job{}, nil, redrives.cancel},
		{"POST", "/v1/redrives/{id}/resume", Operate, "", "Continues a replay that stopped or was cancelled.", http.StatusAccepted, dlq.Job{}, nil, redrives.resume},
		{"POST", "/v1/replays", Operate, "dry_run", "Replays past events, or previews that.", http.StatusAccepted, statuses{202: replay.Job{}, 200: replay.Preview{}}, ReplayRequest{}, replays.begin},
		{"GET", "/v1/replays", Read, "limit cursor", "Lists the replays of past events, the latest first.", 0, ReplayList{}, nil, replays.list},
		{"GET", "/v1/replays/{name}", Read, "", "Shows a replay of past events.", 0, replay.Job{}, nil, replays.get},
		{"POST", "/v1/replays/{name}/pause", Operate, "", "Pauses a replay of past events.", 0, replay.Job{}, nil, replays.verb(r.Replays.Pause)},
		{"POST", "/v1/replays/{name}/resume", Operate, "", "Continues a replay that is paused or has stopped.", http.StatusAccepted, replay.Job{}, nil, replays.verb(r.Replays.Resume)},
		{"POST", "/v1/replays/{name}/cancel", Operate, "", "Cancels a replay: what is pending of it is dropped.", http.StatusAccepted, replay.Job{}, nil, replays.verb(r.Replays.Cancel)},
		{"GET", "/v1/events/stream", Read, eventFilter + " content cursor", "Sends events as they are accepted, as server-sent events.", 0, content{"text/event-stream": nil}, nil, traces.follow},
		{"POST", "/v1/state-rebuilds/{type}", Operate, "", "Makes all states of a type anew, of the events that are kept.", http.StatusAccepted, (*state.Rebuild)(nil), nil, states.rebuild},
		{"GET", "/v1/state-rebuilds/{type}", Read, "", "Shows how far the latest rebuild of a type is.", 0, (*state.Rebuild)(nil), nil, states.rebuilt},
		{"GET", "/v1/work-requests", Read, "action_type operation service entity_type correlation_id open limit cursor", "Lists the work requests of commands, the latest first.", 0, WorkPage{}, nil, requests.list},
		{"GET", "/v1/work-requests/{id}", Read, "", "Shows a work request.", 0, (*work.Request)(nil), nil, requests.get},
		{"DELETE", "/v1/work-requests/{id}", Operate, "", "Asks for the end of a work request.", http.StatusAccepted, (*work.Request)(nil), nil, requests.cancel},
		{"GET", "/v1/catalog", Read, "limit cursor", "Shows the declared types.", 0, catalogView{}, nil, types.get},
		{"GET", "/v1/catalog/discover", Read, "limit since", "Proposes declarations of the types of the latest events.", 0, (*router.Discovered)(nil), nil, types.discover},
		{"POST", "/v1/explain", Read, "bus", "Explains which rules match an event, and why the others do not.", 0, explain.Explanation{}, map[string]any{}, events.explain},
		{"POST", "/v1/playground", Read, "", "Tries a rule that is not in use with an event.", 0, playground.Result{}, playground.Trial{}, events.try},
		{"GET", "/v1/flow", Read, "svg", "Shows which messages lead to which, as a table, a graph and a picture.", 0, FlowView{}, nil, showFlow(r)},
		{"GET", "/v1/key", Read, "", "Shows whose key the request carries, and its rights.", 0, Caller{}, nil, showCaller},
		{"GET", "/v1/accounts", Read, "", "Shows the counters of events and deliveries.", 0, router.Accounts{}, nil, accounts(r)},
		{"POST", "/v1/backup", Admin, "", "Sends a copy of the store as it is now, as a tar archive whose last file is backup.json.", 0, content{"application/x-tar": nil}, nil, backupHandlers{o}.send},
		{"GET", "/v1/openapi.json", Read, "", "This document.", 0, map[string]any{}, nil, openAPI(o)},
		{"GET", "/v1/schemas/{name}", Read, "", "Shows the JSON Schema of a kind of file: config, rules, catalog or tests.", 0, map[string]any{}, nil, showSchema},
		{"GET", "/metrics", Read, "", "The metrics, for Prometheus.", 0, content{"text/plain": nil, "application/openmetrics-text": nil, "application/vnd.google.protobuf": nil}, nil, metrics(o)},
		{"GET", "/healthz", Nobody, "", "Answers while the process runs.", 0, plain, nil, nil},
		{"GET", "/readyz", Nobody, "", "Answers 503 while no event can be accepted.", 0, plain, nil, nil},
		{"POST", "/", Send, "", "PutEvents of the EventBridge API, and its other operations, which need the right read or admin instead.", 0, statuses{200: awsJSON, 0: awsJSON}, awsJSON, nil},
		{"POST", "/v1/events", Send, sendOptions, "Accepts CloudEvents, OCI events and plain events. A dry run needs the right read instead.", 0, statuses{200: sent{}, 0: sent{}}, messages, nil},
		{"POST", "/v1/commands", Send, sendOptions + " wait", "Accepts a command, and waits for its handler, whose answer it gives.", 0, statuses{202: (*work.Request)(nil), 0: content{"*/*": nil}}, messages, nil},
		{"POST", "/v1/queries", Send, sendOptions + " wait", "Accepts a query, and waits for its reply, which it gives.", 0, statuses{204: nil, 0: content{"*/*": nil}}, messages, nil},
		{"POST", "/v1/hooks/{name}", Nobody, "", "Accepts a webhook, which the hook verifies as its provider signs it.", 0, either{sent{}, challenge{}}, content{"*/*": nil}, nil},
		{"OPTIONS", "/v1/events", Send, "", handshake, 0, nil, nil, nil},
		{"OPTIONS", "/v1/commands", Send, "", handshake, 0, nil, nil, nil},
		{"OPTIONS", "/v1/queries", Send, "", handshake, 0, nil, nil, nil},
	}
	all = append(all, kept...)
	if o.Sources != nil {
		source := sourceHandlers{o.Sources, r.Pauses}
		all = append(all,
			route{"GET", "/v1/sources", Read, "limit cursor", "Lists the sources.", 0, sourceList{}, nil, source.list},
			route{"GET", "/v1/sources/{name}", Read, "", "Shows a source.", 0, sources.Status{}, nil, source.get},
			route{"POST", "/v1/sources/{name}/pause", Operate, "", "Pauses a source: its messages wait at the broker.", 0, sources.Status{}, nil, source.verb(r.Pauses.PauseSource)},
			route{"POST", "/v1/sources/{name}/resume", Operate, "", "Resumes a source.", 0, sources.Status{}, nil, source.verb(r.Pauses.ResumeSource)})
	}
	if o.Archives != nil {
		archive := archiveHandlers{o.Archives, o.Stopping, make(chan struct{}, maxExports)}
		all = append(all,
			route{"GET", "/v1/archives", Read, "limit cursor", "Lists the archives, with what is in them.", 0, ArchiveList{}, nil, archive.list},
			route{"GET", "/v1/archives/{name}", Read, "", "Shows an archive.", 0, archiver.Listed{}, nil, archive.get},
			route{"GET", "/v1/archives/{name}/verify", Read, "", "Shows how far the verification of an archive has come, and what it has found.", 0, (*archiver.Verification)(nil), nil, archive.verified},
			route{"POST", "/v1/archives/{name}/verify", Operate, "", "Begins to verify an archive: every segment is read and compared with its checksum.", http.StatusAccepted, (*archiver.Verification)(nil), nil, archive.verify},
			route{"POST", "/v1/archives/{name}/take-over", Operate, "", "Makes the router write an archive that another one has written.", 0, archiver.Listed{}, nil, archive.takeOver},
			route{"GET", "/v1/archives/{name}/segments", Read, "since until limit cursor", "Lists the segments of an archive, the oldest first.", 0, SegmentList{}, nil, archive.segments},
			route{"GET", "/v1/archives/{name}/events", Read, "since until pattern skip_damaged", "Sends the events of an archive, and those that the store still has for it, as lines of JSON. A last line with an error says why not all came.", 0, content{"application/x-ndjson": nil}, nil, archive.export})
	}
	if o.Cluster != nil {
		all = append(all, clusterRoutes(o.Cluster)...)
	}
	if o.Audit != nil {
		all = append(all, route{"GET", "/v1/audit", Read, "action object key outcome since until limit cursor", "Lists who did what with the right to operate, and who was refused, the latest first.", 0, audit.Page{}, nil, auditHandlers{o.Audit}.list})
	}
	if o.History != nil {
		all = append(all, route{"GET", "/v1/history", Read, "name target bus rule", "Shows the figures of the last hour, a point for each minute.", 0, history.Page{}, nil, figures(o.History)})
	}
	if o.Reloader != nil {
		all = append(all, route{"GET", "/v1/reload", Read, "", "Shows how the last reload ended.", 0, config.Status{}, nil, func(http.ResponseWriter, *http.Request) (any, error) { return o.Reloader.Status(), nil }})
		all = append(all, route{"POST", "/-/reload", Operate, "force", "Reads all files again. With ?force=true, rules that would change more than reload.max_change are taken too.", 0, Reloaded{}, nil, reload(o.Reloader)})
	}
	if o.Diff != nil && o.Reloader != nil {
		compared := diffHandlers{r, o.Reloader, o.Diff, o.Stopping, make(chan struct{}, 1)}
		all = append(all,
			route{"POST", "/v1/diff", Operate, "", "Compares the rules that serve with others, on past events. It changes nothing.", 0, (*diff.Result)(nil), DiffRequest{}, compared.diff},
			route{"GET", "/v1/rules/{bus}/{name}/shadow", Read, "since until pattern samples", "Shows what a shadow rule would have sent.", 0, (*diff.Result)(nil), nil, compared.shadow})
	}
	return all
}

// keptRoutes are those that show what is in the store.
func keptRoutes(letters letterHandlers, traces traceHandlers, states stateHandlers) []route {
	return []route{
		{"GET", "/v1/deadletters", Read, letterFilter, "Lists dead letters, the oldest event first.", 0, dlq.Page{}, nil, letters.list},
		{"GET", "/v1/deadletters/groups", Read, "target cursor", "Groups dead letters by target, error code and status. An answer takes a bounded look: follow next_cursor.", 0, dlq.Groups{}, nil, letters.groups},
		{"GET", "/v1/deadletters/{id}", Read, "", "Shows a dead letter.", 0, (*dlq.Letter)(nil), nil, letters.get},
		{"GET", "/v1/events", Read, eventFilter + " outcome until content limit cursor", "Lists the events that are kept, the latest first. A page takes a bounded look: follow next_cursor though it is empty.", 0, trace.Page{}, nil, traces.search},
		{"GET", "/v1/events/{id}", Read, "", "Shows an event.", 0, StoredEvent{}, nil, traces.stored},
		{"GET", "/v1/events/{id}/trace", Read, "limit", "Shows what happened to an event.", 0, (*trace.Trace)(nil), nil, traces.event},
		{"GET", "/v1/traces/{id}", Read, "limit", "Shows what happened to all events with a correlation id.", 0, (*trace.Trace)(nil), nil, traces.correlation},
		{"GET", "/v1/state", Read, "limit cursor", "Lists the types of objects whose state is known.", 0, StateTypes{}, nil, states.types},
		{"GET", "/v1/state/{type}", Read, "key version at prefix limit cursor after", "Lists the states of a type, or shows that of ?key=.", 0, statuses{200: either{StatePage{}, (*state.Object)(nil)}, 304: nil}, nil, states.list},
		{"GET", "/v1/state/{type}/{key...}", Read, "version at", "Shows the state of an object, now or at a moment.", 0, statuses{200: (*state.Object)(nil), 304: nil}, nil, states.get},
		{"GET", "/v1/state-history/{type}", Read, "key limit cursor", "Lists the changes of the object ?key= with the events that made them, the latest first.", 0, (*state.History)(nil), nil, states.history},
	}
}

// serve returns the HTTP handler of a route: it checks the caller's right, the query and
// that nothing is ignored, and writes the answer.
func (r *route) serve(out answers, log *audit.Log) http.Handler {
	handle, known := audited(log, r), strings.Fields(r.query)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		err := allowed(log, q, r.right)
		if err == nil {
			err = checkQuery(q.URL.RawQuery, known)
		}
		if err == nil && r.body == nil {
			err = noBody(w, q)
		}
		var answer any
		if err == nil {
			answer, err = handle(w, q)
		}
		switch {
		case err != nil:
			out.fail(w, err)
		case answer != nil:
			out.write(w, cmp.Or(r.status, http.StatusOK), answer)
		}
	})
}

// accounts returns the handler that shows the counters.
func accounts(r *router.Router) handler {
	return func(http.ResponseWriter, *http.Request) (any, error) { return r.Accounts(), nil }
}

// metrics returns the handler of the metrics.
func metrics(o Options) handler {
	h := promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{ErrorLog: zap.NewStdLog(o.Logger), EnableOpenMetrics: true})
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		h.ServeHTTP(w, r)
		return nil, nil
	}
}

// allowed refuses a caller whose key lacks a right.
func allowed(log *audit.Log, q *http.Request, right auth.Right) error {
	name, rights := auth.Caller(q.Context())
	if !rights.May(right) {
		if log != nil {
			log.Refused(q, "right")
		}
		return &Error{Status: http.StatusForbidden, Message: fmt.Sprintf("the key %q has no right to %s", name, right),
			Hint: "add it to the key's rights in the configuration"}
	}
	return nil
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
		http.StatusForbidden: "Forbidden", http.StatusRequestTimeout: "RequestTimeout", http.StatusUnsupportedMediaType: "UnsupportedMediaType",
	}[status], fmt.Sprintf("Status%d", status))
}
