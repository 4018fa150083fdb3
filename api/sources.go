package api

import (
	"fmt"
	"net/http"
	"slices"

	"signalbox/router/pause"
	"signalbox/sources"
)

// sourceList is every source, by name.
type sourceList struct {
	Sources    []sources.Status `json:"sources"`
	NextCursor string           `json:"next_cursor,omitempty"`
}

// sourceHandlers show sources, and pause and resume them.
type sourceHandlers struct {
	sources *sources.Supervisor
	pauses  *pause.Pauses
}

func (h sourceHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	part, next, err := page(r.URL.Query(), h.sources.Statuses(), func(s *sources.Status) string { return s.Name })
	return sourceList{part, next}, err
}

func (h sourceHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.find(r.PathValue("name"))
}

func (h sourceHandlers) find(name string) (sources.Status, error) {
	all := h.sources.Statuses()
	i := slices.IndexFunc(all, func(s sources.Status) bool { return s.Name == name })
	if i < 0 {
		return sources.Status{}, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no source %q", name), Hint: h.like(name)}
	}
	return all[i], nil
}

// verb returns the handler that pauses or resumes a source, and answers with how it is then.
func (h sourceHandlers) verb(act func(string) error) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		name := r.PathValue("name")
		if err := act(name); err != nil {
			return nil, pauseProblem(err, h.like(name))
		}
		h.sources.Refresh()
		return h.find(name)
	}
}

// like returns the hint for a source that does not exist.
func (h sourceHandlers) like(name string) string {
	var names []string
	for _, s := range h.sources.Statuses() {
		names = append(names, s.Name)
	}
	return like(name, names, "signalbox sources list shows what there is")
}
