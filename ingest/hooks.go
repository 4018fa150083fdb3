package ingest

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"signalbox/event"
	"signalbox/hooks"
	"signalbox/hooks/signature"
)

// hooksPath is what the paths of hooks begin with.
const hooksPath = "/v1/hooks/"

// IsHook reports whether a request is to a hook, which verifies it in place of a Guard.
func IsHook(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, hooksPath) }

// Hooks takes webhooks: it is the http.Handler for /v1/hooks/{name}.
type Hooks struct {
	handler *Handler
	// allowed reports whether a Host header names the router.
	allowed  func(host string) bool
	table    atomic.Pointer[map[string]*hookEntry]
	requests *prometheus.CounterVec
}

// hookEntry is a hook that serves.
type hookEntry struct {
	*hooks.Hook
	counters map[hookOutcome]prometheus.Counter
	// faults bounds the log of requests that are verified and can't be taken.
	faults *rate.Sometimes
}

// hookOutcome is what became of a webhook, a label of the metrics.
type hookOutcome string

const (
	hookAccepted  hookOutcome = "accepted"
	hookDuplicate hookOutcome = "duplicate"
	hookChallenge hookOutcome = "challenge"
	// hookRefused was not verified, hookInvalid is verified and can't become an event.
	hookRefused hookOutcome = "refused"
	hookInvalid hookOutcome = "invalid"
	hookBacklog hookOutcome = "backlog"
	hookFailed  hookOutcome = "failed"
)

var hookOutcomes = []hookOutcome{hookAccepted, hookDuplicate, hookChallenge, hookRefused, hookInvalid, hookBacklog, hookFailed}

// NewHooks returns the handler of webhooks that hands their events to handler. It has no
// hooks. allowed reports whether a Host header names the router, which requests to hooks that
// verify nothing must.
func NewHooks(handler *Handler, allowed func(host string) bool) *Hooks {
	h := &Hooks{handler: handler, allowed: allowed, requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "signalbox_hook_requests_total", Help: "Webhooks, by their hook and what became of them.",
	}, []string{"hook", "outcome"})}
	if registerer := handler.opts.Registerer; registerer != nil {
		registerer.MustRegister(h.requests)
	}
	h.Set(nil)
	return h
}

// Set puts other hooks in the place of those that serve.
func (h *Hooks) Set(all map[string]*hooks.Hook) {
	old, next := h.table.Load(), make(map[string]*hookEntry, len(all))
	for name, hook := range all {
		entry := &hookEntry{hook, map[hookOutcome]prometheus.Counter{}, &rate.Sometimes{Interval: time.Minute}}
		for _, o := range hookOutcomes {
			entry.counters[o] = h.requests.WithLabelValues(name, string(o))
		}
		next[name] = entry
	}
	h.table.Store(&next)
	if old == nil {
		return
	}
	for name := range maps.Keys(*old) {
		if next[name] == nil {
			h.requests.DeletePartialMatch(prometheus.Labels{"hook": name})
		}
	}
}

// ServeHTTP takes one webhook.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, hooksPath)
	hook := (*h.table.Load())[name]
	if hook == nil {
		h.refuse(w, r, &problem{status: http.StatusNotFound, Code: "NotFound", Message: "no hook has this name: declare it under hooks:"})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeProblem(w, &problem{status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: "send webhooks with POST"})
		return
	}
	hook.counters[h.take(w, r, hook)].Inc()
}

// take verifies a webhook, and answers it.
func (h *Hooks) take(w http.ResponseWriter, r *http.Request, hook *hookEntry) hookOutcome {
	check, ok := h.admit(w, r, hook)
	if !ok {
		return hookRefused
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return h.invalid(w, hook, &problem{status: http.StatusUnsupportedMediaType, Code: "UnsupportedContentEncoding",
			Message: "a webhook is verified as it was sent: send it without Content-Encoding"})
	}
	body, p := h.handler.readBody(w, r)
	if p != nil {
		return h.invalid(w, hook, p)
	}
	defer releaseBuffer(body)
	if err := check(body.Bytes()); err != nil {
		h.refuse(w, r, &problem{status: http.StatusUnauthorized, Code: "NotVerified", Message: err.Error()})
		return hookRefused
	}
	if answer, ok := hook.Challenge(body.Bytes()); ok {
		writeJSON(w, http.StatusOK, map[string]string{"challenge": answer})
		return hookChallenge
	}
	e, err := hook.Event(&hooks.Request{Header: r.Header, Query: r.URL.Query(), Body: body.Bytes()}, h.handler.batch)
	if err != nil {
		p, _ := ofError(err)
		return h.invalid(w, hook, p)
	}
	return h.accept(w, r, hook, e)
}

// admit looks at the head of a request. It has answered where it says false.
func (h *Hooks) admit(w http.ResponseWriter, r *http.Request, hook *hookEntry) (signature.Check, bool) {
	if hook.Open() && !h.allowed(r.Host) {
		h.refuse(w, r, &problem{status: http.StatusMisdirectedRequest, Code: "UnknownHost", Message: unknownHost(r.Host)})
		return nil, false
	}
	check, err := hook.Head(r.Header, time.Now())
	if err != nil {
		h.refuse(w, r, &problem{status: http.StatusUnauthorized, Code: "NotVerified", Message: err.Error()})
		return nil, false
	}
	return check, true
}

// refuse answers who could not be verified, slowly, and tells of it.
func (h *Hooks) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	slow(r.Context())
	if h.handler.opts.Refused != nil {
		h.handler.opts.Refused(r, "hook")
	}
	writeProblem(w, p)
}

// invalid answers a webhook that is no event, which is logged now and then: its sender is
// known, and cannot read the answer.
func (h *Hooks) invalid(w http.ResponseWriter, hook *hookEntry, p *problem) hookOutcome {
	writeProblem(w, p)
	if p.retryAfter > 0 {
		return hookBacklog
	}
	hook.faults.Do(func() {
		h.handler.log.Warn("a webhook can't be taken", zap.String("hook", hook.Name), zap.Int("status", p.status), zap.String("problem", p.Message))
	})
	return hookInvalid
}

// accept hands the event over and answers.
func (h *Hooks) accept(w http.ResponseWriter, r *http.Request, hook *hookEntry, e *event.Event) hookOutcome {
	events := []*event.Event{e}
	mark(events, r.Header)
	// Ids of one hook are not those of another, or of a key.
	r = r.WithContext(event.WithSender(r.Context(), "hook/"+hook.Name))
	problems, err := h.handler.accept(r, event.Batch{Events: events})
	if err != nil {
		if h.handler.failed(w, err) == outcomeBacklog {
			return hookBacklog
		}
		return hookFailed
	}
	if p := problems[0]; p != nil {
		return h.invalid(w, hook, p)
	}
	h.handler.log.Debug("a webhook was taken", zap.String("hook", hook.Name), zap.String("event_id", e.ID), zap.String("trace_id", event.TraceID(e.ID, &e.Meta)),
		zap.String("detail_type", e.DetailType), zap.Bool("duplicate", e.Duplicate))
	w.Header().Set(HeaderEventID, e.ID)
	if hook.Quiet() {
		w.WriteHeader(http.StatusOK)
	} else {
		writeJSON(w, http.StatusOK, answer{Events: []result{{ID: e.ID, Duplicate: e.Duplicate}}})
	}
	if e.Duplicate {
		return hookDuplicate
	}
	return hookAccepted
}

// unknownHost returns how to make a name known.
func unknownHost(host string) string {
	return "the router is not known by the name " + strconv.Quote(host) + ": add it to allowed_hosts, or set public_url or auth.keys"
}
