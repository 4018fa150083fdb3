package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/api"
	"signalbox/archive/archiver"
)

// Archives shows archives and exports their events.
type Archives struct{ *conn }

// List returns every archive.
func (a Archives) List(ctx context.Context) ([]archiver.Listed, error) {
	var list api.ArchiveList
	err := a.get(ctx, "/v1/archives", nil, &list)
	return list.Archives, err
}

// Get returns one archive.
func (a Archives) Get(ctx context.Context, name string) (l archiver.Listed, err error) {
	return l, a.get(ctx, archivePath(name), nil, &l)
}

// TakeOver makes the router write an archive that another one has written.
func (a Archives) TakeOver(ctx context.Context, name string) (l archiver.Listed, err error) {
	return l, a.act(ctx, archivePath(name)+"/take-over", &l)
}

// Verify begins to verify an archive, unless that is under way.
func (a Archives) Verify(ctx context.Context, name string) (v archiver.Verification, err error) {
	return v, a.act(ctx, archivePath(name)+"/verify", &v)
}

// Verification returns how far the verification of an archive has come, and what it has found.
func (a Archives) Verification(ctx context.Context, name string) (v archiver.Verification, err error) {
	return v, a.get(ctx, archivePath(name)+"/verify", nil, &v)
}

// Segments returns the segments of an archive with events of a range of time, from where an
// earlier page ended.
func (a Archives) Segments(ctx context.Context, name string, since, until time.Time, cursor string, limit int) (list api.SegmentList, err error) {
	q := params("since", timeText(since), "until", timeText(until), "cursor", cursor, "limit", strconv.Itoa(limit))
	return list, a.get(ctx, archivePath(name)+"/segments", q, &list)
}

// ExportRequest is which events of an archive are exported.
type ExportRequest struct {
	Since, Until time.Time
	Pattern      json.RawMessage
	// SkipDamaged goes on without what is missing or not as it was written.
	SkipDamaged bool
}

// Export writes events of an archive to w as lines of JSON.
func (a Archives) Export(ctx context.Context, name string, req ExportRequest, w io.Writer) error {
	q := params("since", timeText(req.Since), "until", timeText(req.Until), "pattern", string(req.Pattern))
	if req.SkipDamaged {
		q.Set("skip_damaged", "true")
	}
	resp, err := a.send(ctx, http.MethodGet, withQuery(archivePath(name)+"/events", q), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxStreamLine)
	for lines.Scan() {
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"error":`)) {
			var end api.ExportEnd
			if err := json.Unmarshal(lines.Bytes(), &end); err == nil && end.Error != nil {
				return end.Error
			}
		}
		if _, err := w.Write(append(lines.Bytes(), '\n')); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	return nil
}

func archivePath(name string) string { return "/v1/archives/" + url.PathEscape(name) }
