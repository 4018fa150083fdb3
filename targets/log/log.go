// Package log is the kind of target that writes each delivery as a line of JSON.
package log

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"signalbox/secret"
	"signalbox/targets"
)

// logTarget writes each delivery as one line of JSON.
type logTarget struct {
	// place is "stdout", "zap" or the path of the file.
	place   string
	zap     *zap.Logger // nil unless the lines go there
	timeout time.Duration

	// writing is held by the one write that is under way. A place that is stuck, such as
	// a pipe that nobody reads, keeps it; attempts then wait for it as for any target.
	writing chan struct{}
	out     io.Writer
	file    *file // the same, nil unless the lines go to a file of the target's own
	torn    bool  // the last line was cut short, as by a full disk
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	t := &logTarget{place: o.To, timeout: c.Timeout, writing: make(chan struct{}, 1)}
	switch o.To {
	case ToZap:
		t.zap = env.Logger
		return t, nil
	case ToStdout:
		t.out = env.Stdout
		return t, nil
	}
	t.place = secret.ResolvePath(c.Dir, o.Path)
	t.file = &file{path: t.place, rotate: o.Rotate}
	t.out = t.file
	if err := t.file.open(); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return t, nil
}

// Deliver writes the line, in one write. The line is not synced to the disk.
func (t *logTarget) Deliver(ctx context.Context, d *targets.Delivery) error {
	if t.zap != nil {
		t.zap.Info("event delivered", logFields(d)...)
		return nil
	}
	line := appendLogLine(make([]byte, 0, len(d.Envelope)+512), d, time.Now())
	if r := t.write(ctx, line, nil); r.err != nil {
		return t.failed(ctx, r.err)
	}
	return nil
}

// lineBuffers hold the lines of a batch while they are written. One that has grown
// beyond maxLineBuffer bytes is not kept.
var lineBuffers = sync.Pool{New: func() any { return new([]byte) }}

const maxLineBuffer = 1 << 20

// DeliverBatch writes a line for each delivery, all in one write. What a failed
// write has left out is told for each.
func (t *logTarget) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	if t.zap != nil {
		for _, d := range batch {
			_ = t.Deliver(ctx, d) // zap says of no line whether it was written
		}
		return nil, nil
	}
	buffer := lineBuffers.Get().(*[]byte)
	length := 0
	for _, d := range batch {
		length += len(d.Content()) + 512
	}
	lines, ends, now := slices.Grow((*buffer)[:0], length), make([]int, len(batch)), time.Now()
	for i, d := range batch {
		lines = appendLogLine(lines, d, now)
		ends[i] = len(lines)
	}
	r := t.write(ctx, lines, func() {
		if cap(lines) <= maxLineBuffer {
			*buffer = lines
			lineBuffers.Put(buffer)
		}
	})
	for i, end := range ends {
		if end > r.n {
			each = targets.Note(each, len(batch), i, t.failed(ctx, r.err))
		}
	}
	return each, nil
}

func (t *logTarget) failed(ctx context.Context, err error) error {
	code := targets.CodeErrorFromTarget
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		code = targets.CodeInternalError
		err = fmt.Errorf("the attempt was broken off: %w", context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		code = targets.CodeTimeout
		err = fmt.Errorf("it takes nothing within the target's timeout of %v: %w", t.timeout, err)
	case errors.Is(err, syscall.ENOSPC):
		code = targets.CodeThrottling
	case errors.Is(err, fs.ErrPermission):
		code = targets.CodeNoPermissions
	case errors.Is(err, fs.ErrNotExist):
		code = targets.CodeNoResource
	}
	return &targets.Error{Code: code, Tries: 1, Err: fmt.Errorf("write to %s: %w", t.place, err)}
}

// written is how a write ended: how many bytes of it were written.
type written struct {
	n   int
	err error
}

// write writes whole lines, and returns when they are written or the context ends. What
// is stuck may be written later all the same. done is called when lines are free again.
func (t *logTarget) write(ctx context.Context, lines []byte, done func()) written {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	select {
	case t.writing <- struct{}{}:
	case <-ctx.Done():
		return written{err: ctx.Err()}
	}
	result := make(chan written, 1)
	go func() {
		n, err := t.put(lines)
		<-t.writing
		if done != nil {
			done()
		}
		result <- written{n, err}
	}()
	select {
	case r := <-result:
		return r
	case <-ctx.Done():
		return written{err: ctx.Err()}
	}
}

// put writes whole lines, and returns how many bytes of them it has written.
func (t *logTarget) put(lines []byte) (int, error) {
	if t.torn {
		if _, err := t.out.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		t.torn = false
	}
	n, err := t.out.Write(lines)
	t.torn = err != nil && n > 0 && lines[n-1] != '\n'
	return n, err
}

// Preview renders the line that Deliver writes.
func (t *logTarget) Preview(d *targets.Delivery) (targets.Request, error) {
	line := appendLogLine(nil, d, time.Now())
	return targets.Request{Method: "WRITE", Address: t.place, Body: string(bytes.TrimSuffix(line, []byte{'\n'}))}, nil
}

// Reopen opens the file again, for who moves files away and sends SIGHUP.
func (t *logTarget) Reopen() error { return t.idle((*file).reopen) }

// Close closes the file, unless a write to it is stuck.
func (t *logTarget) Close() error { return t.idle((*file).close) }

// idle does something to the file while nothing writes to it; a write that is under way
// finds out by itself that the file is another one.
func (t *logTarget) idle(do func(*file) error) error {
	if t.file == nil {
		return nil
	}
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
		return do(t.file)
	default:
		return nil
	}
}

// appendLogLine writes the line of a delivery made now. A body that is JSON
// stands in it as it is, but for line breaks; another as a string.
func appendLogLine(dst []byte, d *targets.Delivery, now time.Time) []byte {
	dst = append(dst, `{"time":"`...)
	dst = now.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, '"')
	dst = appendStringField(dst, "rule", d.Rule)
	dst = appendStringField(dst, "target", d.Target)
	dst = appendStringField(dst, "bus", d.Bus)
	dst = appendStringField(dst, "delivery_id", d.ID)
	dst = appendStringField(dst, "event_id", d.EventID)
	dst = append(dst, `,"attempt":`...)
	dst = strconv.AppendInt(dst, int64(d.Attempt), 10)
	dst = appendStringField(dst, "replay", d.Replay)
	for _, a := range d.Attributes {
		dst = appendStringField(dst, strings.ToLower(a.Name), a.Value)
	}
	if d.Synthetic() {
		dst = append(dst, `,"synthetic":true`...)
	}
	dst = append(dst, `,"body":`...)
	dst = appendJSONBody(dst, d.Content(), d.Body == nil)
	return append(dst, "}\n"...)
}

func appendStringField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return appendJSONString(dst, value)
}

func appendJSONString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // A string can always be written.
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendJSONBody writes a body on one line; known says that it is JSON for sure.
func appendJSONBody(dst, body []byte, known bool) []byte {
	if known && bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 {
		return append(dst, body...)
	}
	compact := bytes.NewBuffer(dst)
	if err := json.Compact(compact, body); err == nil {
		return compact.Bytes()
	}
	return appendJSONString(dst, string(body))
}

func logFields(d *targets.Delivery) []zap.Field {
	fields := []zap.Field{
		zap.String("rule", d.Rule),
		zap.String("target", d.Target),
		zap.String("bus", d.Bus),
		zap.String("delivery_id", d.ID),
		zap.String("event_id", d.EventID),
		zap.Int("attempt", d.Attempt),
		zap.Bool("synthetic", d.Synthetic()),
		zap.Reflect("body", json.RawMessage(appendJSONBody(nil, d.Content(), d.Body == nil))),
	}
	for _, a := range d.Attributes {
		fields = append(fields, zap.String(strings.ToLower(a.Name), a.Value))
	}
	return fields
}
