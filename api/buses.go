package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"signalbox/catalog"
	"signalbox/router"
)

// BusView is a bus, and how many rules it has.
type BusView struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Bubble means that its events are seen by the rules of the buses above it too.
	Bubble bool `json:"bubble,omitempty"`
	// Catalog is what happens to events that break the catalog.
	Catalog catalog.Mode `json:"catalog,omitempty"`
	// PublishDeadLetters means that an event tells of each dead letter of its rules.
	PublishDeadLetters bool `json:"publish_dead_letters,omitempty"`
	Rules              int  `json:"rules"`
}

// busList is every bus, by name.
type busList struct {
	Buses      []BusView `json:"buses"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// busHandlers show buses.
type busHandlers struct{ router *router.Router }

// all returns all buses, by name.
func (h busHandlers) all() []BusView {
	set := h.router.Rules()
	counts := map[string]int{}
	for _, rule := range set.Rules {
		counts[rule.Bus]++
	}
	all := []BusView{}
	for _, name := range slices.Sorted(maps.Keys(set.Buses)) {
		b := set.Buses[name]
		all = append(all, BusView{Name: name, Description: b.Description, Bubble: b.Bubble, Catalog: b.Catalog, PublishDeadLetters: b.PublishDeadLetters, Rules: counts[name]})
	}
	return all
}

func (h busHandlers) list(w http.ResponseWriter, r *http.Request) (any, error) {
	buses, next, err := page(r.URL.Query(), h.all(), func(b *BusView) string { return b.Name })
	return busList{buses, next}, err
}

func (h busHandlers) get(w http.ResponseWriter, r *http.Request) (any, error) {
	name, all := r.PathValue("name"), h.all()
	i := slices.IndexFunc(all, func(b BusView) bool { return b.Name == name })
	if i < 0 {
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no bus %q", name), Hint: like(name, names, "GET /v1/buses lists them")}
	}
	return all[i], nil
}
