package api

import (
	"net/http"
	"net/url"

	"signalbox/audit"
	"signalbox/dlq"
)

// RedriveRequest is the body of POST /v1/deadletters/redrive.
type RedriveRequest struct {
	dlq.Redrive
	// All must be true where the filter is empty, so that nobody means a few and
	// gets everything.
	All bool `json:"all,omitempty"`
	// DryRun previews the redrive: the answer is a dlq.Preview, and nothing
	// changes. The query may say it too: ?dry_run=true.
	DryRun bool `json:"dry_run,omitempty"`
	// Show is how many letters a preview shows; nil is defaultShow.
	Show *int `json:"show,omitempty"`
}

// The letters that a preview shows: where no number is given, and at most.
const (
	defaultShow = 10
	maxShow     = 100
)

func (h letterHandlers) redrive(w http.ResponseWriter, r *http.Request) (any, error) {
	var req RedriveRequest
	err := read(w, r, &req)
	if err == nil {
		err = deliberate(req.Filter, req.All)
	}
	if err == nil {
		req.DryRun, err = dryRunOf(r.URL.Query(), req.DryRun)
	}
	if err != nil {
		return nil, err
	}
	takesLong(w) // to look through a long queue
	acted := audit.Of(r.Context())
	acted.Detail(&req)
	if req.DryRun {
		acted.DryRun()
		return h.preview(w, r, &req)
	}
	j, err := h.queue.Redrive(r.Context(), req.Redrive)
	acted.Count(j.Total)
	return started(w, j, err)
}

// dryRunOf returns whether the body or the query asks for a dry run. They must not contradict
// each other.
func dryRunOf(q url.Values, body bool) (bool, error) {
	on, err := boolOf(q, "dry_run")
	if err == nil && q.Has("dry_run") && body && !on {
		return true, &Error{Status: http.StatusBadRequest, Message: "dry_run is true in the body, and false in the query", Hint: "leave one of them out"}
	}
	return body || on, err
}

func (h letterHandlers) preview(w http.ResponseWriter, r *http.Request, req *RedriveRequest) (any, error) {
	show := defaultShow
	if req.Show != nil {
		show = *req.Show
	}
	if show < 0 || show > maxShow {
		return nil, badRequest("show %d: write a number from 0 to %d", show, maxShow)
	}
	p, err := h.queue.Preview(r.Context(), req.Redrive, show)
	if err != nil {
		return nil, err
	}
	writeJSON(w, http.StatusOK, p)
	return nil, nil
}

// started returns a redrive that is at work, and tells where to ask for it.
func started(w http.ResponseWriter, j dlq.Job, err error) (any, error) {
	if err == nil {
		w.Header().Set("Location", "/v1/redrives/"+j.ID)
	}
	return j, err
}

// redriveHandlers show, cancel and resume redrives.
type redriveHandlers struct{ queue *dlq.Queue }

// RedriveList is the answer to GET /v1/redrives, the latest first.
type RedriveList struct {
	Redrives   []dlq.Job `json:"redrives"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

func (h redriveHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	jobs, next, err := page(r.URL.Query(), h.queue.Jobs(), func(j *dlq.Job) string { return j.ID })
	return RedriveList{jobs, next}, err
}

func (h redriveHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.queue.Job(r.PathValue("id"))
}

func (h redriveHandlers) cancel(w http.ResponseWriter, r *http.Request) (any, error) {
	j, err := h.queue.Cancel(r.PathValue("id"))
	return started(w, j, err)
}

func (h redriveHandlers) resume(w http.ResponseWriter, r *http.Request) (any, error) {
	takesLong(w)
	j, err := h.queue.Resume(r.Context(), r.PathValue("id"))
	return started(w, j, err)
}
