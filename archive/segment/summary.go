package segment

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"signalbox/archive/place"
	"signalbox/journal"
)

// Summary is what is in an archive, by its manifests.
type Summary struct {
	Segments int `json:"segments"`
	Events   int `json:"events"`
	// Bytes is the size of all segments, ContentBytes that of their lines.
	Bytes        int64 `json:"bytes"`
	ContentBytes int64 `json:"content_bytes"`
	// First and Last are the times of the first and the last event.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// add counts a segment, which comes after those before.
func (s *Summary) add(next *Segment) {
	if s.Segments == 0 {
		s.First = next.FirstTime
	}
	s.Last = next.LastTime
	s.Segments++
	s.Events += next.Count
	s.Bytes += next.Bytes
	s.ContentBytes += next.ContentBytes
}

// Summary returns what is in the archive. It reads all manifests, and no segment.
func (f *Files) Summary(ctx context.Context) (s Summary, err error) {
	for next, err := range f.Segments(ctx, 0, ^journal.Seq(0)) {
		if err != nil {
			return s, err
		}
		s.add(&next)
	}
	return s, nil
}

// Checked is what a look through an archive has found.
type Checked struct {
	Archive string `json:"archive"`
	Place   string `json:"place"`
	Summary
	// Damage is what is missing or not as it was written.
	Damage []string `json:"damage,omitempty"`
	// Stray counts files that no manifest names: they do not count, and are of a process that
	// was ended, or of one that writes now.
	Stray int `json:"stray,omitempty"`
}

// Check reads every segment to its end and compares it with its manifest. It calls tell with
// the bytes that are done. The error is of a place that can't be read.
func (f *Files) Check(ctx context.Context, tell func(done int64)) (Checked, error) {
	c := Checked{Archive: f.Name, Place: f.String()}
	if _, err := f.Owner(ctx); err != nil {
		c.Damage = append(c.Damage, err.Error())
	}
	names, err := f.List(ctx, "")
	if err != nil {
		return c, err
	}
	files := len(names)
	for s, err := range f.Segments(ctx, 0, ^journal.Seq(0)) {
		if err == nil {
			c.add(&s)
			tell(c.Bytes)
			err = f.Verify(ctx, &s)
		}
		damage, ok := errors.AsType[*DamagedError](err)
		switch {
		case ok:
			c.Damage = append(c.Damage, damage.Error())
		case err != nil:
			return c, err
		}
	}
	days, err := f.Days(ctx)
	c.Stray = max(0, files-c.Segments-len(days)-1)
	return c, err
}

// Named returns the archive that lies in a place, by the name that stands there.
func Named(ctx context.Context, at place.Place) (*Files, error) {
	f := &Files{Place: at}
	var o owner
	err := f.readJSON(ctx, ownerName, &o)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("is no archive: it has no " + ownerName)
	}
	f.Name = o.Archive
	return f, err
}

// LineWriter writes events as lines of an archive.
type LineWriter struct {
	out  *bufio.Writer
	line []byte
}

// NewLineWriter returns a writer of lines. Flush ends it.
func NewLineWriter(w io.Writer) *LineWriter { return &LineWriter{out: bufio.NewWriterSize(w, 64<<10)} }

// Write writes an event.
func (w *LineWriter) Write(r *journal.Record, bus string) error {
	w.line = AppendLine(w.line[:0], r, bus)
	_, err := w.out.Write(w.line)
	return err
}

// Flush writes what is left.
func (w *LineWriter) Flush() error { return w.out.Flush() }

// EventsOnly returns a writer that writes of lines of an archive only the events.
func EventsOnly(w io.Writer) io.Writer { return &eventsOnly{w: w} }

type eventsOnly struct {
	w    io.Writer
	rest []byte // of a line whose end has not come
}

// Write writes the events of the lines that end in p.
func (e *eventsOnly) Write(p []byte) (int, error) {
	e.rest = append(e.rest, p...)
	for {
		line, rest, ok := bytes.Cut(e.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if _, event, ok := bytes.Cut(line, []byte(partEvent)); ok {
			line = bytes.TrimSuffix(event, []byte("}"))
		}
		if _, err := e.w.Write(append(slices.Clip(line), '\n')); err != nil {
			return 0, err
		}
		e.rest = rest
	}
}
