package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"signalbox/catalog"
)

// BusView is a bus, and how many rules it has.
type BusView struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Bubble means that its events are seen by the rules of the buses above it too.
	Bubble bool `json:"bubble,omitempty"`
	// Catalog tells what happens to events that break the catalog.
	Catalog catalog.Mode `json:"catalog,omitempty"`
	Rules   int          `json:"rules"`
}

// busList is every bus, by name.
type busList struct {
	Buses      []BusView `json:"buses"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// busRoutes serves the buses.
type busRoutes struct{ *api }

// buses returns all buses, by name.
func (a busRoutes) buses() []BusView {
	set := a.Router.Rules()
	counts := map[string]int{}
	for _, rule := range set.Rules {
		counts[rule.Bus]++
	}
	all := []BusView{}
	for _, name := range slices.Sorted(maps.Keys(set.Buses)) {
		b := set.Buses[name]
		all = append(all, BusView{Name: name, Description: b.Description, Bubble: b.Bubble, Catalog: b.Catalog, Rules: counts[name]})
	}
	return all
}

func (a busRoutes) listBuses(w http.ResponseWriter, r *http.Request) {
	buses, next, err := page(r.URL.Query(), a.buses(), func(b *BusView) string { return b.Name })
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, busList{buses, next})
}

func (a busRoutes) getBus(w http.ResponseWriter, r *http.Request) {
	name, all := r.PathValue("name"), a.buses()
	i := slices.IndexFunc(all, func(b BusView) bool { return b.Name == name })
	if i < 0 {
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no bus %q", name), Hint: like(name, names, "GET /v1/buses lists them")})
		return
	}
	a.answer(w, all[i])
}
