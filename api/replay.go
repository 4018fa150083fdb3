package api

import (
	"net/http"
	"net/url"

	"signalbox/audit"
	"signalbox/replay"
)

// ReplayRequest is the body of POST /v1/replays.
type ReplayRequest struct {
	replay.Request
	// DryRun previews the replay: the answer is a replay.Preview, and nothing changes. The
	// query may say it too: ?dry_run=true.
	DryRun bool `json:"dry_run,omitempty"`
}

// replayHandlers begin, show, pause, resume and cancel replays of past events.
type replayHandlers struct{ replays *replay.Replays }

func (h replayHandlers) begin(w http.ResponseWriter, r *http.Request) (any, error) {
	var req ReplayRequest
	err := read(w, r, &req)
	if err == nil {
		req.DryRun, err = dryRunOf(r.URL.Query(), req.DryRun)
	}
	if err == nil && req.Since.IsZero() { // nobody means all that there is by leaving something out
		err = &Error{Status: http.StatusBadRequest, Message: "since: is missing", Hint: `say from when, or "1970-01-01T00:00:00Z" for all that is kept`}
	}
	if err != nil {
		return nil, err
	}
	acted := audit.Of(r.Context())
	acted.Detail(&req)
	if req.DryRun {
		acted.DryRun()
		return h.preview(w, r, req.Request)
	}
	j, err := h.replays.Begin(req.Request)
	return accepted(w, j, damageProblem(err))
}

func (h replayHandlers) preview(w http.ResponseWriter, r *http.Request, req replay.Request) (any, error) {
	takesLong(w) // to look at many events
	p, err := h.replays.Preview(r.Context(), req)
	if err == nil {
		err = writeJSON(w, http.StatusOK, p)
	}
	return nil, damageProblem(err)
}

// accepted returns a replay that is at work, and tells where to ask for it.
func accepted(w http.ResponseWriter, j replay.Job, err error) (any, error) {
	if err == nil {
		w.Header().Set("Location", "/v1/replays/"+url.PathEscape(j.Name))
	}
	return j, err
}

// ReplayList is the answer to GET /v1/replays, the latest first.
type ReplayList struct {
	Replays    []replay.Job `json:"replays"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

func (h replayHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	jobs, next, err := page(r.URL.Query(), h.replays.Jobs(), func(j *replay.Job) string { return j.Name })
	return ReplayList{jobs, next}, err
}

func (h replayHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.replays.Job(r.PathValue("name"))
}

// verb returns the handler of what is done to a replay.
func (h replayHandlers) verb(act func(name string) (replay.Job, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		j, err := act(r.PathValue("name"))
		return accepted(w, j, err)
	}
}
