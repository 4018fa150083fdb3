package api

import (
	"fmt"
	"net/http"

	"signalbox/delivery"
	"signalbox/router"
)

// targetHandlers show targets and act on them.
type targetHandlers struct {
	router *router.Router
	keys   keyHandlers
}

// targetList is every target that serves, or that still has deliveries.
type targetList struct {
	Targets    []TargetView `json:"targets"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

func (h targetHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	part, next, err := page(r.URL.Query(), h.router.Lanes.Targets(), func(s *router.TargetStatus) string { return s.Name })
	list := targetList{Targets: []TargetView{}, NextCursor: next}
	for i := range part {
		if err == nil {
			var t TargetView
			t, err = h.withKeys(showTarget(part[i]))
			list.Targets = append(list.Targets, t)
		}
	}
	return list, err
}

// withKeys adds some of a target's blocked ordering keys.
func (h targetHandlers) withKeys(t TargetView) (TargetView, error) {
	if t.BlockedKeys == 0 {
		return t, nil
	}
	keys, err := h.keys.page(t.Name, "", keysShown)
	t.Keys = keys.Keys
	return t, err
}

func (h targetHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	t, ok := h.find(name)
	if !ok {
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no target %q", name), Hint: likeTarget(h.router, name)}
	}
	return h.withKeys(t)
}

// find returns how a target is; false if there is none.
func (h targetHandlers) find(name string) (TargetView, bool) {
	for _, s := range h.router.Lanes.Targets() {
		if s.Name == name {
			return showTarget(s), true
		}
	}
	return TargetView{}, false
}

// verb returns the handler that does something to a target, and answers with how the target
// is then.
func (h targetHandlers) verb(act func(string) error) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		name := r.PathValue("name")
		if err := act(name); err != nil {
			return nil, pauseProblem(err, likeTarget(h.router, name))
		}
		t, ok := h.find(name)
		if !ok {
			t = showTarget(router.TargetStatus{Name: name, State: delivery.Gone})
		}
		return t, nil
	}
}

func (h targetHandlers) retry(name string) error {
	_, err := h.router.Lanes.RetryTarget(name)
	return err
}

// likeTarget returns the hint for a target that does not exist: the one that was probably
// meant, or where to find the others.
func likeTarget(router *router.Router, name string) string {
	var names []string
	for _, t := range router.Lanes.Targets() {
		names = append(names, t.Name)
	}
	return like(name, names, "signalbox targets list shows what there is")
}
