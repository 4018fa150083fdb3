package api

import (
	"cmp"
	"context"
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
}

// maxStateTypes bounds the listing of types.
const maxStateTypes = 10_000

// stateRoutes serves the states of objects.
type stateRoutes struct{ *api }

func (a stateRoutes) listStateTypes(w http.ResponseWriter, _ *http.Request) {
	types, err := a.Router.States.Types(maxStateTypes)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, StateTypes{append([]string{}, types...)})
}

func (a stateRoutes) listStates(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has("key") {
		a.state(w, r, q.Get("key"))
		return
	}
	limit, err := limitOf(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	states, more, err := a.Router.States.List(r.PathValue("type"), q.Get("prefix"), cmp.Or(q.Get("cursor"), q.Get("after")), limit)
	if err != nil {
		a.fail(w, err)
		return
	}
	page := StatePage{Objects: append([]*state.Object{}, states...)}
	if more {
		page.Next = states[len(states)-1].Key
	}
	a.answer(w, page)
}

func (a stateRoutes) getState(w http.ResponseWriter, r *http.Request) {
	a.state(w, r, r.PathValue("key"))
}

// state answers with one object's state. Its version is the ETag, so that a cache
// asks with If-None-Match. An object that is gone answers 410.
func (a stateRoutes) state(w http.ResponseWriter, r *http.Request, key string) {
	kind := r.PathValue("type")
	s, err := a.Router.States.Get(kind, key, r.URL.Query().Get("version"))
	if err != nil {
		a.fail(w, missing(err, fmt.Sprintf("GET /v1/state/%s lists the keys that are known, GET /v1/state the types", url.PathEscape(kind))))
		return
	}
	tag := `"` + s.Version + `"`
	w.Header().Set("ETag", tag)
	if among(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if s.Gone {
		a.fail(w, &Error{Status: http.StatusGone, Message: fmt.Sprintf(
			"%s %q is gone: event %s said so at %s", s.Type, s.Key, s.EventID, s.Updated.Format(time.RFC3339))})
		return
	}
	a.answer(w, s)
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

// StateTypes returns the types of objects whose state is known.
func (c *Client) StateTypes(ctx context.Context) (t StateTypes, err error) {
	return t, c.get(ctx, "/v1/state", nil, &t)
}

// States returns states of a type by key, those behind after whose keys begin with
// prefix.
func (c *Client) States(ctx context.Context, kind, prefix, after string) (page StatePage, err error) {
	q := url.Values{"prefix": {prefix}, "cursor": {after}}
	return page, c.get(ctx, "/v1/state/"+url.PathEscape(kind), q, &page)
}

// State returns an object's state: the latest, or a version of it where that is not
// empty.
func (c *Client) State(ctx context.Context, kind, key, version string) (*state.Object, error) {
	q := url.Values{"key": {key}}
	if version != "" {
		q.Set("version", version)
	}
	s := new(state.Object)
	return s, c.get(ctx, "/v1/state/"+url.PathEscape(kind), q, s)
}
