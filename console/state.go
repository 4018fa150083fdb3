package console

import (
	"errors"
	"net/http"
	"strings"

	"signalbox/api"
	"signalbox/state"
)

// changesShown is how many changes of an object one page lists.
const changesShown = 50

// stateView is what the page of states shows: the types, the objects of one, or one object.
type stateView struct {
	Type, Key, At, Prefix string
	Types                 []string
	Objects               []*state.Object
	// Object is nil where its state is not known, which Problem tells.
	Object  *state.Object
	Problem *api.Error
	// Changes are those that led to the state, the latest first.
	Changes state.History
	// More leads to what follows, empty for nothing.
	More string
}

func loadState(v *visit) (any, error) {
	x := stateView{Type: strings.TrimSpace(v.q("type")), Key: strings.TrimSpace(v.q("key")), At: strings.TrimSpace(v.q("at")), Prefix: v.q("prefix")}
	types, err := v.api.States.Types(v.ctx())
	if err != nil {
		return nil, err
	}
	x.Types = types.Types
	switch {
	case x.Type == "":
	case x.Key == "":
		err = v.objects(&x)
	default:
		err = v.object(&x)
	}
	if errors.As(err, &x.Problem) && x.Problem.Status != http.StatusUnauthorized && x.Problem.Status < http.StatusInternalServerError {
		err = nil // what was written stays, to be changed
	}
	return x, err
}

// objects lists those of a type.
func (v *visit) objects(x *stateView) error {
	page, err := v.api.States.List(v.ctx(), x.Type, x.Prefix, v.q("cursor"))
	x.Objects = page.Objects
	if page.Next != "" {
		x.More = link("state", "type", x.Type, "prefix", x.Prefix, "cursor", page.Next)
	}
	return err
}

// object shows one, as it is or was, and how it came to that.
func (v *visit) object(x *stateView) error {
	at, err := timeOf("at", x.At, v.now)
	if err != nil {
		return err
	}
	cursor := v.q("cursor")
	if x.At == "" {
		x.Object, err = v.api.States.Get(v.ctx(), x.Type, x.Key, "")
	} else {
		x.Object, err = v.api.States.At(v.ctx(), x.Type, x.Key, at)
	}
	if err != nil {
		x.Object = nil
		if !errors.As(err, &x.Problem) || x.Problem.Status != http.StatusGone && x.Problem.Status != http.StatusNotFound {
			return err
		}
	}
	if cursor == "" && x.At != "" && x.Object != nil {
		cursor = x.Object.Version
	}
	if x.Changes, err = v.api.States.History(v.ctx(), x.Type, x.Key, cursor, changesShown); err != nil { // also of an object that is gone
		return err
	}
	if x.Changes.Next != "" {
		x.More = link("state", "type", x.Type, "key", x.Key, "at", x.At, "cursor", x.Changes.Next)
	}
	if o := x.Object; v.q("cursor") == "" && x.At != "" && o != nil {
		last := state.Change{Version: o.Version, At: o.Updated, EventID: o.EventID, Source: o.Source, State: o.State}
		x.Changes.Changes = append([]state.Change{last}, x.Changes.Changes...)
	}
	return nil
}

// stateFixed reports whether the state is one of the past.
func stateFixed(v *visit) bool { return v.q("at") != "" || v.q("cursor") != "" }
