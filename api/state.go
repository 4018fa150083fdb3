package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/state"
)

// StatePage is part of the states of a type.
type StatePage struct {
	Objects []*state.Object `json:"objects"`
	// Next is the key to continue after; empty at the end.
	Next string `json:"next_cursor,omitempty"`
}

// StateTypes is the types of objects whose state is known.
type StateTypes struct {
	Types []string `json:"types"`
	Next  string   `json:"next_cursor,omitempty"`
}

// stateHandlers show the latest state of objects.
type stateHandlers struct{ states *state.Reader }

func (h stateHandlers) types(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := limitOf(q, maxPage, maxPage)
	if err != nil {
		return nil, err
	}
	types, more, err := h.states.Types(q.Get("cursor"), limit)
	page := StateTypes{Types: append([]string{}, types...)}
	if more {
		page.Next = types[len(types)-1]
	}
	return page, err
}

func (h stateHandlers) list(w http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := oneOrMany(q); err != nil {
		return nil, err
	}
	if q.Has("key") {
		return h.one(w, r, q.Get("key"))
	}
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	states, more, err := h.states.List(r.PathValue("type"), q.Get("prefix"), cmp.Or(q.Get("cursor"), q.Get("after")), limit)
	page := StatePage{Objects: append([]*state.Object{}, states...)}
	if more {
		page.Next = states[len(states)-1].Key
	}
	return page, err
}

// oneOrMany refuses parameters of which one would be ignored: those of a list beside the key of
// an object, its version without its key, and two cursors (after is the former name).
func oneOrMany(q url.Values) error {
	for _, pair := range [][2]string{{"key", "prefix"}, {"key", "limit"}, {"key", "cursor"}, {"key", "after"}, {"cursor", "after"}} {
		if q.Has(pair[0]) && q.Has(pair[1]) {
			return badRequest("%s does not go together with %s: leave one of them out", pair[1], pair[0])
		}
	}
	if q.Has("version") && !q.Has("key") {
		return badRequest("version: give the key of the object too, as key")
	}
	return nil
}

func (h stateHandlers) get(w http.ResponseWriter, r *http.Request) (any, error) {
	return h.one(w, r, r.PathValue("key"))
}

// one returns an object's state. Its version is the ETag, so that a cache asks with
// If-None-Match. An object that is gone is an error.
func (h stateHandlers) one(w http.ResponseWriter, r *http.Request, key string) (any, error) {
	kind := r.PathValue("type")
	s, err := h.states.Get(kind, key, r.URL.Query().Get("version"))
	if err != nil {
		return nil, missing(err, fmt.Sprintf("GET /v1/state/%s lists the keys that are known, GET /v1/state the types", url.PathEscape(kind)))
	}
	tag := `"` + s.Version + `"`
	w.Header().Set("ETag", tag)
	switch {
	case among(r.Header.Get("If-None-Match"), tag):
		w.WriteHeader(http.StatusNotModified)
		return nil, nil
	case s.Gone:
		return nil, &Error{Status: http.StatusGone, Message: fmt.Sprintf(
			"%s %q is gone: event %s said so at %s", s.Type, s.Key, s.EventID, s.Updated.Format(time.RFC3339))}
	}
	return s, nil
}

// among reports whether a list of entity tags holds one, or is "*" (RFC 9110,
// section 13.1.2; the weak comparison).
func among(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}
