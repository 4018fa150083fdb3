package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"signalbox/archive/archiver"
	"signalbox/archive/past"
	"signalbox/archive/segment"
	"signalbox/rules/pattern"
)

// ArchiveList is every archive, by name.
type ArchiveList struct {
	Archives   []archiver.Listed `json:"archives"`
	NextCursor string            `json:"next_cursor,omitempty"`
}

// SegmentList is a part of the segments of an archive, the oldest first.
type SegmentList struct {
	Segments   []SegmentView `json:"segments"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

// SegmentView is a segment, with its name within the archive.
type SegmentView struct {
	Path string `json:"path"`
	segment.Segment
}

// archiveHandlers show archives and export their events.
type archiveHandlers struct {
	archives *archiver.Archiver
	stopping context.Context
	// exports bounds how many are under way.
	exports chan struct{}
}

// maxExports bounds the exports that are under way at a time: each reads and unpacks as fast as
// its client takes.
const maxExports = 4

func (h archiveHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	part, next, err := page(r.URL.Query(), h.archives.List(r.Context()), func(l *archiver.Listed) string { return l.Name })
	return ArchiveList{part, next}, err
}

func (h archiveHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	for _, l := range h.archives.List(r.Context()) {
		if l.Name == name {
			return l, nil
		}
	}
	return nil, h.unknown(name)
}

// unknown returns the error for an archive that there is not.
func (h archiveHandlers) unknown(name string) error {
	var names []string
	for _, s := range h.archives.Statuses() {
		names = append(names, s.Name)
	}
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no archive %q", name), Hint: like(name, names, "signalbox archive list shows what there is")}
}

func (h archiveHandlers) segments(_ http.ResponseWriter, r *http.Request) (any, error) {
	export, err := exportOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	files, err := h.files(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	from, before := export.Range()
	var all []SegmentView
	for s, err := range files.Segments(r.Context(), from, before) {
		if damagedIn(err) != nil {
			continue // archive verify tells
		}
		if err != nil {
			return nil, err
		}
		all = append(all, SegmentView{s.Path(), s})
	}
	part, next, err := page(r.URL.Query(), all, func(s *SegmentView) string { return s.Path })
	return SegmentList{part, next}, err
}

// takeOver makes the router write an archive that another one has written.
func (h archiveHandlers) takeOver(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	if !h.archives.TakeOver(name) {
		return nil, h.unknown(name)
	}
	return h.get(nil, r)
}

// verify begins to verify an archive.
func (h archiveHandlers) verify(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	v := h.archives.Verify(name)
	if v == nil {
		return nil, h.unknown(name)
	}
	return v, nil
}

// verified shows how far the verification of an archive has come.
func (h archiveHandlers) verified(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("name")
	if _, err := h.files(name); err != nil {
		return nil, err
	}
	v := h.archives.Verification(name)
	if v == nil {
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("archive %q was not verified since the router began", name), Hint: "POST to the same path begins it"}
	}
	return v, nil
}

// files returns the files of an archive.
func (h archiveHandlers) files(name string) (*segment.Files, error) {
	for _, f := range h.archives.Files() {
		if f.Name == name {
			return f, nil
		}
	}
	return nil, h.unknown(name)
}

// reader returns what reads the archive of a request.
func (h archiveHandlers) reader(r *http.Request) (*past.Reader, error) {
	name := r.PathValue("name")
	reader, ok, err := h.archives.ReaderOf(name)
	if !ok {
		return nil, h.unknown(name)
	}
	return reader, err
}

// exportOf reads what a query chooses.
func exportOf(q url.Values) (e past.Export, err error) {
	if e.Since, err = timeOf(q, "since"); err == nil {
		e.Until, err = timeOf(q, "until")
	}
	if text := q.Get("pattern"); err == nil && text != "" {
		var p *pattern.Pattern
		if p, err = pattern.Parse([]byte(text), pattern.Options{Extensions: true}); err != nil {
			return e, badRequest("pattern: %v", err)
		}
		e.Pattern, err = pattern.Compile([]*pattern.Pattern{p})
	}
	return e, err
}

// ExportEnd is the last line of an export that did not come to its end.
type ExportEnd struct {
	Error *Error `json:"error"`
}

// export sends events as lines of JSON. If something fails on the way, the last line tells.
func (h archiveHandlers) export(w http.ResponseWriter, r *http.Request) (any, error) {
	q := r.URL.Query()
	export, err := exportOf(q)
	if err != nil {
		return nil, err
	}
	skip, err := boolOf(q, "skip_damaged")
	if err != nil {
		return nil, err
	}
	reader, err := h.reader(r)
	if err != nil {
		return nil, err
	}
	reader.Skip = func(err error) bool { return skip && damagedIn(err) != nil }
	select {
	case h.exports <- struct{}{}:
		defer func() { <-h.exports }()
	default:
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: fmt.Sprintf("%d exports are under way, and there may be no more", maxExports), Hint: "wait until one has ended"}
	}
	ctx, cancel := untilStop(r.Context(), h.stopping)
	defer cancel()
	takesLong(w)
	out := &exported{w: w}
	if err := reader.ExportTo(ctx, out, export); err != nil && ctx.Err() == nil {
		if damagedIn(err) != nil {
			err = &Error{Status: http.StatusInternalServerError, Code: "Damaged", Message: err.Error(), Hint: "put a copy of it back, or go on without it by --skip-damaged (skip_damaged=true)"}
		}
		if !out.begun {
			return nil, err
		}
		_ = json.NewEncoder(out).Encode(ExportEnd{problemOf(err)})
	} else if err != nil && r.Context().Err() == nil {
		_ = json.NewEncoder(out).Encode(ExportEnd{&Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"}})
	}
	out.begin()
	return nil, nil
}

// damageProblem returns the error of a segment that is not as it was written as the client is to
// see it.
func damageProblem(err error) error {
	damage := damagedIn(err)
	if damage == nil {
		return err
	}
	return &Error{Status: http.StatusInternalServerError, Code: "Damaged", Message: damage.Error(), Hint: "put a copy of it back; signalbox archive verify lists all that is damaged"}
}

// damagedIn returns what of an archive is missing, or not as it was written; nil if err is of
// something else.
func damagedIn(err error) *segment.DamagedError {
	damage, _ := errors.AsType[*segment.DamagedError](err)
	return damage
}

// exported is the body of an export.
type exported struct {
	w     http.ResponseWriter
	begun bool
}

func (e *exported) begin() {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "application/x-ndjson")
		e.w.WriteHeader(http.StatusOK)
	}
}

// Write sends a part. A client that does not take it in time is given up.
func (e *exported) Write(p []byte) (int, error) {
	e.begin()
	_ = http.NewResponseController(e.w).SetWriteDeadline(time.Now().Add(streamStall)) // not supported by a recorder
	return e.w.Write(p)
}
