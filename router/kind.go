package router

import "signalbox/event"

// setKind settles of which kind an event is, before anything is matched on it.
func (s *snapshot) setKind(e *event.Event) { e.Meta.Kind = s.set.Catalog.Kind(e) }
