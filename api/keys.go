package api

import (
	"errors"
	"net/http"

	"signalbox/audit"
	"signalbox/router"
)

// KeyPage is part of the blocked ordering keys of a target.
type KeyPage struct {
	Keys []router.BlockedKey `json:"keys"`
	// Next is where the listing continues; empty at its end.
	Next string `json:"next_cursor,omitempty"`
}

// keysShown is how many blocked keys the listing of targets shows of each.
const keysShown = 10

// keyHandlers list and unblock the ordering keys of targets.
type keyHandlers struct{ router *router.Router }

func (h keyHandlers) list(w http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	page, err := h.page(r.PathValue("name"), q.Get("cursor"), limit)
	if errors.Is(err, router.ErrCursor) {
		return nil, badCursor(q.Get("cursor"))
	}
	if err != nil {
		return nil, keyProblem(err, likeTarget(h.router, r.PathValue("name")))
	}
	return page, nil
}

func (h keyHandlers) page(target, cursor string, limit int) (KeyPage, error) {
	keys, next, err := h.router.Lanes.BlockedKeys(target, cursor, limit)
	return KeyPage{append([]router.BlockedKey{}, keys...), next}, err
}

// ResumeKeyRequest names the ordering key to unblock.
type ResumeKeyRequest struct {
	Key string `json:"key"`
}

func (h keyHandlers) resume(w http.ResponseWriter, r *http.Request) (any, error) {
	var req ResumeKeyRequest
	if err := read(w, r, &req); err != nil {
		return nil, err
	}
	audit.Of(r.Context()).Detail(&req)
	if err := h.router.Lanes.ResumeKey(r.PathValue("name"), req.Key); err != nil {
		return nil, keyProblem(err, likeTarget(h.router, r.PathValue("name")))
	}
	return req, nil
}

// keyProblem returns an error with its status; hint is for a target that does not exist.
func keyProblem(err error, hint string) error {
	var unknown *router.UnknownTarget
	if errors.As(err, &unknown) {
		return &Error{Status: http.StatusNotFound, Message: unknown.Error(), Hint: hint}
	}
	return missing(err, "signalbox ordering-keys list shows those that are")
}
