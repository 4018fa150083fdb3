package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/api"
	"signalbox/trace"
)

// Search returns up to limit events that the filter chooses, from where an earlier page
// ended, the latest first. A page may be empty, with a cursor behind which there is more.
func (e Events) Search(ctx context.Context, f trace.Filter, cursor string, limit int, content bool) (page trace.Page, err error) {
	q := filterParams(f, content)
	q.Set("limit", strconv.Itoa(limit))
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return page, e.get(ctx, "/v1/events", q, &page)
}

func filterParams(f trace.Filter, content bool) url.Values {
	q := params("id", f.ID, "correlation_id", f.CorrelationID, "bus", f.Bus, "source", f.Source, "detail_type", f.DetailType,
		"rule", f.Rule, "target", f.Target, "outcome", string(f.Outcome), "text", f.Text, "pattern", string(f.Pattern),
		"since", timeText(f.Since), "until", timeText(f.Until))
	if content {
		q.Set("content", "true")
	}
	return q
}

// ErrCutOff is the error of a stream that ended though nobody asked for that.
var ErrCutOff = errors.New("the stream was cut off")

// Follow calls fn with the events that the filter chooses, as they are accepted, and with nil
// and the reason where some are missing. It returns the cursor with which to go
// on, and why it ended: ErrCutOff, or another error.
func (e Events) Follow(ctx context.Context, f trace.Filter, cursor string, content bool, fn func(e *trace.Listed, missing string) error) (string, error) {
	q := filterParams(f, content)
	if cursor != "" {
		q.Set("cursor", cursor)
		q.Del("since")
	}
	resp, err := e.send(ctx, http.MethodGet, withQuery("/v1/events/stream", q), "", nil)
	if err != nil {
		return cursor, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxStreamLine)
	var block sseBlock
	for lines.Scan() {
		if len(lines.Bytes()) > 0 {
			block.line(lines.Bytes())
			continue
		}
		if err := block.tell(fn); err != nil {
			return cursor, err
		}
		if block.id != "" {
			cursor = block.id
		}
		block = sseBlock{}
	}
	if ctx.Err() != nil {
		return cursor, context.Cause(ctx)
	}
	if err := lines.Err(); err != nil {
		return cursor, fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	return cursor, ErrCutOff
}

// maxStreamLine bounds a line of a stream, in bytes: an event as large as a router takes.
const maxStreamLine = 64 << 20

// sseBlock is one block of a stream of server-sent events.
type sseBlock struct {
	id, event string
	data      []byte
}

func (b *sseBlock) line(text []byte) {
	name, value, _ := bytes.Cut(text, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		b.id = string(value)
	case "event":
		b.event = string(value)
	case "data":
		b.data = bytes.Clone(value)
	}
}

func (b *sseBlock) tell(fn func(e *trace.Listed, missing string) error) error {
	switch b.event {
	case "gap":
		var gap api.StreamGap
		if err := json.Unmarshal(b.data, &gap); err != nil {
			return fmt.Errorf("this is not the stream of a router: %w", err)
		}
		return fn(nil, gap.Reason)
	case "event":
		e := new(trace.Listed)
		if err := json.Unmarshal(b.data, e); err != nil {
			return fmt.Errorf("this is not the stream of a router: %w", err)
		}
		return fn(e, "")
	}
	return nil
}
