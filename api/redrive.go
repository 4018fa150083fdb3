package api

import (
	"net/http"
	"strconv"

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

// redriveRoutes serves the replays of dead letters.
type redriveRoutes struct{ *api }

func (a redriveRoutes) redrive(w http.ResponseWriter, r *http.Request) {
	var req RedriveRequest
	err := read(w, r, &req)
	if err == nil {
		err = deliberate(req.Filter, req.All)
	}
	if text := r.URL.Query().Get("dry_run"); err == nil && text != "" {
		if req.DryRun, err = strconv.ParseBool(text); err != nil {
			err = badRequest("dry_run %q: write true or false", text)
		}
	}
	if err != nil {
		a.fail(w, err)
		return
	}
	takesLong(w) // to look through a long queue
	acted := audit.Of(r.Context())
	acted.Detail(&req)
	if req.DryRun {
		acted.DryRun()
		a.preview(w, r, &req)
		return
	}
	j, err := a.Router.DeadLetters.Redrive(r.Context(), req.Redrive)
	acted.Count(j.Total)
	a.started(w, j, err)
}

func (a redriveRoutes) preview(w http.ResponseWriter, r *http.Request, req *RedriveRequest) {
	show := defaultShow
	if req.Show != nil {
		show = *req.Show
	}
	if show < 0 || show > maxShow {
		a.fail(w, badRequest("show %d: write a number from 0 to %d", show, maxShow))
		return
	}
	p, err := a.Router.DeadLetters.Preview(r.Context(), req.Redrive, show)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, p)
}

// started answers that a redrive is at work, and where to ask for it.
func (a redriveRoutes) started(w http.ResponseWriter, j dlq.Job, err error) {
	if err != nil {
		a.fail(w, err)
		return
	}
	w.Header().Set("Location", "/v1/redrives/"+j.ID)
	a.answerAs(w, http.StatusAccepted, j)
}

// RedriveList is the answer to GET /v1/redrives, the latest first.
type RedriveList struct {
	Redrives   []dlq.Job `json:"redrives"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

func (a redriveRoutes) listRedrives(w http.ResponseWriter, r *http.Request) {
	jobs, next, err := page(r.URL.Query(), a.Router.DeadLetters.Jobs(), func(j *dlq.Job) string { return j.ID })
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, RedriveList{jobs, next})
}

func (a redriveRoutes) getRedrive(w http.ResponseWriter, r *http.Request) {
	j, err := a.Router.DeadLetters.Job(r.PathValue("id"))
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, j)
}

func (a redriveRoutes) cancelRedrive(w http.ResponseWriter, r *http.Request) {
	j, err := a.Router.DeadLetters.Cancel(r.PathValue("id"))
	a.started(w, j, err)
}

func (a redriveRoutes) resumeRedrive(w http.ResponseWriter, r *http.Request) {
	takesLong(w)
	j, err := a.Router.DeadLetters.Resume(r.Context(), r.PathValue("id"))
	a.started(w, j, err)
}
