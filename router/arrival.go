package router

import (
	"cmp"
	"slices"
	"sync"

	"signalbox/catalog"
	"signalbox/event"
)

// inspect checks an event against the catalog and the naming standard, as its bus
// asks for. Findings of an event that is accepted are returned; a refusal is an
// *event.Error.
func (s *snapshot) inspect(e *event.Event) ([]catalog.Finding, error) {
	declared := s.set.Catalog
	if declared == nil || e.Meta.Scheduled {
		return nil, nil
	}
	atBus, byName := s.set.Buses[e.Meta.Bus].Catalog, declared.Naming.OnArrival
	if !atBus.On() && !byName.On() {
		return nil, nil
	}
	var found []catalog.Finding
	if byName.On() {
		if err := judge(declared.InspectName(e), byName, &found); err != nil {
			return nil, err
		}
	}
	if atBus.On() {
		if err := judge(declared.Inspect(e, e.Meta.Received), atBus, &found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// judge notes a finding, or makes an error of it.
func judge(f *catalog.Finding, mode catalog.Mode, found *[]catalog.Finding) error {
	switch {
	case f == nil:
		return nil
	case mode == catalog.Reject && !f.Mild:
		return &event.Error{Code: f.Code, Message: f.Message, Path: f.Path}
	}
	*found = append(*found, *f)
	return nil
}

// maxFindings is how many types warnings are counted of; those of others are counted
// together.
const maxFindings = 1000

// ArrivalWarnings counts the warnings of one code on events of one type.
type ArrivalWarnings struct {
	// Type is empty for events of types that are not declared.
	Type  string `json:"type,omitempty"`
	Code  string `json:"code"`
	Count uint64 `json:"count"`
	// Last is the message of the latest.
	Last string `json:"last"`
}

// warnings counts what ingest has let in with a warning since the start. The
// zero value is empty.
type warnings struct {
	mu     sync.Mutex
	counts map[[2]string]*ArrivalWarnings // type, code
}

func (w *warnings) add(f catalog.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts == nil {
		w.counts = map[[2]string]*ArrivalWarnings{}
	}
	key := [2]string{f.Type, f.Code}
	if w.counts[key] == nil && len(w.counts) >= maxFindings {
		key[0] = ""
	}
	if w.counts[key] == nil {
		w.counts[key] = &ArrivalWarnings{Type: key[0], Code: f.Code}
	}
	w.counts[key].Count++
	w.counts[key].Last = f.Message
}

// all returns the counts by type and code.
func (w *warnings) all() []ArrivalWarnings {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]ArrivalWarnings, 0, len(w.counts))
	for _, c := range w.counts {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b ArrivalWarnings) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Code, b.Code))
	})
	return all
}
