package api

import (
	"cmp"
	"errors"
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

// maxFolds is how many questions for states are answered at once.
const maxFolds = 8

// stateHandlers show the states of objects.
type stateHandlers struct {
	states *state.Keeper
	turns  chan struct{}
}

func newStateHandlers(states *state.Keeper) stateHandlers {
	return stateHandlers{states, make(chan struct{}, maxFolds)}
}

func (h stateHandlers) types(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := limitOf(q, maxPage, maxPage)
	if err != nil {
		return nil, err
	}
	after := q.Get("cursor")
	if err := h.known(after, func() (bool, error) { return h.states.KnowsType(after) }); err != nil {
		return nil, err
	}
	types, more, err := h.states.Types(after, limit)
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
	kind, prefix, cursor := r.PathValue("type"), q.Get("prefix"), q.Get("cursor")
	if err := h.known(cursor, func() (bool, error) {
		known, err := h.states.Knows(kind, cursor)
		return known && strings.HasPrefix(cursor, prefix), err
	}); err != nil {
		return nil, err
	}
	return inTurn(r.Context(), h.turns, func() (any, error) {
		states, more, err := h.states.List(kind, prefix, cmp.Or(cursor, q.Get("after")), limit)
		page := StatePage{Objects: append([]*state.Object{}, states...)}
		if more {
			page.Next = states[len(states)-1].Key
		}
		return page, err
	})
}

// known refuses a cursor that no page has given: what it names is not listed.
func (h stateHandlers) known(cursor string, listed func() (bool, error)) error {
	if cursor == "" {
		return nil
	}
	known, err := listed()
	if err == nil && !known {
		err = badCursor(cursor)
	}
	return err
}

// oneOrMany refuses parameters of which one would be ignored: those of a list beside the key of
// an object, its version without its key, and two cursors (after is the former name).
func oneOrMany(q url.Values) error {
	for _, pair := range [][2]string{{"key", "prefix"}, {"key", "limit"}, {"key", "cursor"}, {"key", "after"}, {"cursor", "after"}, {"version", "at"}} {
		if q.Has(pair[0]) && q.Has(pair[1]) {
			return badRequest("%s does not go together with %s: leave one of them out", pair[1], pair[0])
		}
	}
	for _, name := range []string{"version", "at"} {
		if q.Has(name) && !q.Has("key") {
			return badRequest("%s: give the key of the object too, as key", name)
		}
	}
	return nil
}

func (h stateHandlers) get(w http.ResponseWriter, r *http.Request) (any, error) {
	if q := r.URL.Query(); q.Has("version") && q.Has("at") {
		return nil, badRequest("at does not go together with version: leave one of them out")
	}
	return h.one(w, r, r.PathValue("key"))
}

// asked returns the state of an object that a request asks for.
func (h stateHandlers) asked(r *http.Request, key string) (*state.Object, error) {
	kind, q := r.PathValue("type"), r.URL.Query()
	at, err := timeOf(q, "at")
	if err != nil {
		return nil, err
	}
	return inTurn(r.Context(), h.turns, func() (*state.Object, error) {
		if q.Has("at") {
			return h.states.At(kind, key, at)
		}
		return h.states.Get(kind, key, q.Get("version"))
	})
}

// one returns an object's state. Its version is the ETag, so that a cache asks with
// If-None-Match. An object that is gone is an error.
func (h stateHandlers) one(w http.ResponseWriter, r *http.Request, key string) (any, error) {
	kind := r.PathValue("type")
	s, err := h.asked(r, key)
	if err != nil {
		return nil, missing(err, keysOf(kind))
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

// keysOf is the hint where an object is not there.
func keysOf(kind string) string {
	return fmt.Sprintf("GET /v1/state/%s lists the keys that are known, GET /v1/state the types", url.PathEscape(kind))
}

// history lists the changes of an object, the latest first.
func (h stateHandlers) history(_ http.ResponseWriter, r *http.Request) (any, error) {
	kind, q := r.PathValue("type"), r.URL.Query()
	if !q.Has("key") {
		return nil, badRequest("key: say of which object, as ?key=")
	}
	limit, err := limitOf(q, defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	page, err := inTurn(r.Context(), h.turns, func() (*state.History, error) {
		return h.states.History(kind, q.Get("key"), q.Get("cursor"), limit)
	})
	if err != nil {
		return nil, missing(err, keysOf(kind))
	}
	return page, nil
}

// rebuild begins to make the states of a type anew.
func (h stateHandlers) rebuild(_ http.ResponseWriter, r *http.Request) (any, error) {
	p, err := h.states.Rebuild(r.PathValue("type"))
	var untold *state.Untold
	if errors.As(err, &untold) {
		return nil, &Error{Status: http.StatusNotFound, Message: untold.Error(), Hint: "GET /v1/state lists the types that are known; the catalog declares others"}
	}
	return p, err
}

// rebuilt shows how far the latest rebuild of a type is.
func (h stateHandlers) rebuilt(_ http.ResponseWriter, r *http.Request) (any, error) {
	p, err := h.states.Progress(r.PathValue("type"))
	if err != nil {
		return nil, missing(err, "POST to this path begins one")
	}
	return p, nil
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
