// Package log is the kind of target that writes each delivery as a line of JSON.
package log

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/secret"
	"signalbox/targets"
)

// logTarget writes each delivery as one line of JSON.
type logTarget struct {
	// place is "stdout", "zap" or the path of the file.
	place string
	zap   *zap.Logger // nil unless the lines go there

	mu   sync.Mutex
	out  io.Writer
	file *os.File // nil unless the lines go to a file of the target's own
	torn bool     // the last line was cut short, as by a full disk
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	switch o.To {
	case ToZap:
		return &logTarget{place: ToZap, zap: env.Logger}, nil
	case ToStdout:
		return &logTarget{place: ToStdout, out: env.Stdout}, nil
	}
	path := secret.ResolvePath(c.Dir, o.Path)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return &logTarget{place: path, out: file, file: file}, nil
}

// Deliver writes the line, in one write. The line is not synced to the disk.
func (t *logTarget) Deliver(_ context.Context, d *targets.Delivery) error {
	if t.zap != nil {
		t.zap.Info("event delivered", logFields(d)...)
		return nil
	}
	line := appendLogLine(make([]byte, 0, len(d.Envelope)+512), d, time.Now())
	if _, err := t.write(line); err != nil {
		return t.failed(err)
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
	lines, ends, now := (*buffer)[:0], make([]int, len(batch)), time.Now()
	for i, d := range batch {
		lines = appendLogLine(lines, d, now)
		ends[i] = len(lines)
	}
	written, err := t.write(lines)
	if cap(lines) <= maxLineBuffer {
		*buffer = lines
		lineBuffers.Put(buffer)
	}
	for i, end := range ends {
		if end > written {
			each = targets.Note(each, len(batch), i, t.failed(err))
		}
	}
	return each, nil
}

func (t *logTarget) failed(err error) error {
	return &targets.Error{Code: targets.CodeErrorFromTarget, Tries: 1, Err: fmt.Errorf("write to %s: %w", t.place, err)}
}

// write writes whole lines, and says how many bytes of them.
func (t *logTarget) write(lines []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// Close closes the file.
func (t *logTarget) Close() error {
	if t.file == nil {
		return nil
	}
	if err := t.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
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
	return []zap.Field{
		zap.String("rule", d.Rule),
		zap.String("target", d.Target),
		zap.String("bus", d.Bus),
		zap.String("delivery_id", d.ID),
		zap.String("event_id", d.EventID),
		zap.Int("attempt", d.Attempt),
		zap.Bool("synthetic", d.Synthetic()),
		zap.Reflect("body", json.RawMessage(appendJSONBody(nil, d.Content(), d.Body == nil))),
	}
}
