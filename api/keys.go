package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/audit"
	"signalbox/journal"
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

func (a targetRoutes) listKeys(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := limitOf(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	var from uint64
	if cursor := q.Get("cursor"); cursor != "" {
		if from, err = strconv.ParseUint(cursor, 16, 64); err != nil {
			a.fail(w, badRequest("cursor %q: use the next_cursor of an earlier page", cursor))
			return
		}
	}
	page, err := a.keyPage(r.PathValue("name"), journal.KeyHash(from), limit)
	if err != nil {
		a.fail(w, keyProblem(err, a.likeTarget(r.PathValue("name"))))
		return
	}
	a.answer(w, page)
}

func (a targetRoutes) keyPage(target string, from journal.KeyHash, limit int) (KeyPage, error) {
	keys, next, err := a.Router.Lanes.BlockedKeys(target, from, limit)
	page := KeyPage{Keys: append([]router.BlockedKey{}, keys...)}
	if next != 0 {
		page.Next = fmt.Sprintf("%016x", uint64(next))
	}
	return page, err
}

// ResumeKeyRequest names the ordering key that is to continue.
type ResumeKeyRequest struct {
	Key string `json:"key"`
}

func (a targetRoutes) resumeKey(w http.ResponseWriter, r *http.Request) {
	var req ResumeKeyRequest
	if err := read(w, r, &req); err != nil {
		a.fail(w, err)
		return
	}
	audit.Of(r.Context()).Detail(&req)
	if err := a.Router.Lanes.ResumeKey(r.PathValue("name"), req.Key); err != nil {
		a.fail(w, keyProblem(err, a.likeTarget(r.PathValue("name"))))
		return
	}
	a.answer(w, req)
}

// keyProblem returns an error with its status; hint is for a target that does not exist.
func keyProblem(err error, hint string) error {
	var unknown *router.UnknownTarget
	if errors.As(err, &unknown) {
		return &Error{Status: http.StatusNotFound, Message: unknown.Error(), Hint: hint}
	}
	return missing(err, "signalbox ordering-keys list shows those that are")
}

// BlockedKeys returns some of the ordering keys of a target that do not continue, from
// where an earlier page ended.
func (c *Client) BlockedKeys(ctx context.Context, target, cursor string) (page KeyPage, err error) {
	q := url.Values{"limit": {"1000"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return page, c.get(ctx, "/v1/targets/"+url.PathEscape(target)+"/keys", q, &page)
}

// ResumeKey lets a stopped ordering key of a target continue.
func (c *Client) ResumeKey(ctx context.Context, target, key string) error {
	var done ResumeKeyRequest
	return c.postJSON(ctx, "/v1/targets/"+url.PathEscape(target)+"/keys/resume", ResumeKeyRequest{key}, &done)
}
