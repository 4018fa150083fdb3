package console

import (
	"context"
	"net/http"
	"time"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/archive/archiver"
)

// segmentsShown is how many segments the page of an archive lists.
const segmentsShown = 50

func loadArchives(v *visit) (any, error) {
	list, err := v.api.Archives.List(v.ctx())
	if statusOf(err) == http.StatusNotFound { // a program that has none
		list, err = nil, nil
	}
	return struct{ Archives []archiver.Listed }{list}, err
}

// archiveView is what the page of an archive shows.
type archiveView struct {
	Archive archiver.Listed
	// Verification is the latest since the router began; nil for none.
	Verification *archiver.Verification
	Segments     api.SegmentList
	More         string
}

func loadArchive(v *visit) (any, error) {
	name := v.q("name")
	x := archiveView{}
	var err error
	if x.Archive, err = v.api.Archives.Get(v.ctx(), name); err != nil {
		return nil, err
	}
	found, err := v.api.Archives.Verification(v.ctx(), name)
	switch {
	case err == nil:
		x.Verification = &found
	case statusOf(err) != http.StatusNotFound:
		return nil, err
	}
	x.Segments, err = v.api.Archives.Segments(v.ctx(), name, time.Time{}, time.Time{}, v.q("cursor"), segmentsShown)
	if x.Segments.NextCursor != "" {
		x.More = link("archive", "name", name, "cursor", x.Segments.NextCursor)
	}
	return x, err
}

// onArchive returns the action that does something to an archive.
func onArchive[T any](act func(client.Archives, context.Context, string) (T, error), told string) action {
	return func(v *visit) (string, string, error) {
		name := v.q("name")
		_, err := act(v.api.Archives, v.ctx(), name)
		return link("archive", "name", name)[len(Path):], told, err
	}
}
