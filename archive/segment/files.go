package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"signalbox/archive/place"
	"signalbox/journal"
)

// Files are the files of one archive.
type Files struct {
	Name string
	place.Place
}

// Days returns the folders of the days that have segments, the oldest first.
func (f *Files) Days(ctx context.Context) (days []string, err error) {
	names, err := f.List(ctx, "")
	for _, name := range names {
		if day, ok := strings.CutSuffix(name, "/"+manifestName); ok {
			days = append(days, day)
		}
	}
	return days, err
}

// Day returns the segments of a day, the oldest first; none if there is no manifest of it.
func (f *Files) Day(ctx context.Context, day string) ([]Segment, error) {
	name := path.Join(day, manifestName)
	var m manifest
	err := f.readJSON(ctx, name, &m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (m.Format != format || m.Archive != f.Name) {
		err = fmt.Errorf("is of archive %q in format %d", m.Archive, m.Format)
	}
	if err != nil {
		return nil, f.damaged(name, err)
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Day = day; path.Base(s.File) != s.File {
			return nil, f.damaged(name, fmt.Errorf("names a segment %q", s.File))
		}
	}
	return m.Segments, nil
}

// damaged returns the error of what lies in the archive and can't be read; one of the place
// stays as it is.
func (f *Files) damaged(name string, err error) error {
	if _, ok := errors.AsType[*unreadable](err); ok {
		return fmt.Errorf("archive %q: %w", f.Name, err)
	}
	return &DamagedError{Archive: f.Name, File: name, Err: err}
}

// unreadable is the error of a place that can't be read: what lies in it may be whole.
type unreadable struct{ error }

// Unwrap returns the cause.
func (u *unreadable) Unwrap() error { return u.error }

// maxJSON bounds a manifest, in bytes: that of a day with 100,000 segments.
const maxJSON = 64 << 20

func (f *Files) readJSON(ctx context.Context, name string, to any) error {
	file, err := f.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return &unreadable{err}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxJSON))
	if err != nil {
		return &unreadable{err}
	}
	return json.Unmarshal(text, to)
}

func (f *Files) writeJSON(ctx context.Context, name string, content any) error {
	text, err := json.MarshalIndent(content, "", " ")
	if err != nil {
		return err
	}
	draft, err := f.Create(ctx)
	if err != nil {
		return err
	}
	defer draft.Discard()
	if _, err := draft.Write(append(text, '\n')); err != nil {
		return err
	}
	return draft.Commit(ctx, name)
}

// Append makes what was written the latest segment: that of all events from one number up to
// another. When it returns without an error, the segment is there for good.
func (f *Files) Append(ctx context.Context, w *Writer, from, before journal.Seq, afterGap bool) (Segment, error) {
	s, err := w.commit(ctx)
	if err != nil {
		return s, err
	}
	s.From, s.Before, s.AfterGap = from, before, afterGap
	segments, err := f.Day(ctx, s.Day)
	if err != nil {
		return s, err
	}
	return s, f.writeJSON(ctx, path.Join(s.Day, manifestName), manifest{format, f.Name, append(segments, s)})
}

// Last returns the latest segment; nil if there is none.
func (f *Files) Last(ctx context.Context) (*Segment, error) {
	days, err := f.Days(ctx)
	for i := len(days) - 1; i >= 0 && err == nil; i-- {
		var segments []Segment
		if segments, err = f.Day(ctx, days[i]); len(segments) > 0 {
			return &segments[len(segments)-1], nil
		}
	}
	return nil, err
}

// Segments returns the segments with events from one number on, up to but without another,
// the oldest first. It ends with the first error; a *DamagedError may be passed over.
func (f *Files) Segments(ctx context.Context, from, before journal.Seq) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		days, err := f.Days(ctx)
		if err != nil {
			yield(Segment{}, fmt.Errorf("archive %q: %w", f.Name, err))
			return
		}
		var end journal.Seq // of the segment before
		for _, day := range Within(days, from, before) {
			segments, err := f.Day(ctx, day)
			if err != nil && !yield(Segment{}, err) {
				return
			}
			if err != nil {
				end = 0
			}
			for _, s := range segments {
				gap := end != 0 && s.From > end && !s.AfterGap
				if gap && max(end, from) < min(s.From, before) &&
					!yield(Segment{}, &DamagedError{Archive: f.Name, From: end, Before: s.From, Err: fs.ErrNotExist}) {
					return
				}
				end = s.Before
				if s.Last >= from && s.First < before && !yield(s, nil) {
					return
				}
			}
		}
	}
}

// Within returns the days that can have events of a range, and one before and one behind them,
// which show whether what lies between is whole.
func Within(days []string, from, before journal.Seq) []string {
	first, last := DayOf(from), DayOf(before)
	for len(days) > 1 && days[1] <= first {
		days = days[1:]
	}
	for n := len(days); n > 1 && days[n-2] > last; n-- {
		days = days[:n-1]
	}
	return days
}

// DropBefore removes the days before the one of a time, and what was left of files that were
// not committed. Manifests go first, so that none names what is gone.
func (f *Files) DropBefore(ctx context.Context, oldest time.Time) error {
	names, err := f.List(ctx, "")
	if err != nil {
		return err
	}
	day := oldest.UTC().Format(dayForm)
	old := func(name string) bool { return strings.Count(name, "/") == 3 && path.Dir(name) < day }
	for _, manifests := range [...]bool{true, false} {
		for _, name := range names {
			leftOver := !manifests && strings.HasPrefix(name, place.Partial)
			if leftOver || old(name) && (path.Base(name) == manifestName) == manifests {
				if err := f.Delete(ctx, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// owner tells whose the archive is.
type owner struct {
	Format  int    `json:"format"`
	Archive string `json:"archive"`
	Owner   string `json:"owner"`
}

// ownerName is the file that tells whose the archive is.
const ownerName = "archive.json"

// Owner returns who writes the archive; empty if nobody has yet.
func (f *Files) Owner(ctx context.Context) (string, error) {
	var o owner
	err := f.readJSON(ctx, ownerName, &o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err == nil && o.Archive != f.Name:
		err = fmt.Errorf("is of archive %q", o.Archive)
	case err == nil && o.Format > format:
		err = fmt.Errorf("is of format %d, which a newer Signalbox writes", o.Format)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", ownerName, err)
	}
	return o.Owner, nil
}

// SetOwner makes somebody the one who writes the archive, and the archive if there is none.
func (f *Files) SetOwner(ctx context.Context, who string) error {
	if err := f.Prepare(ctx); err != nil {
		return err
	}
	return f.writeJSON(ctx, ownerName, owner{format, f.Name, who})
}
