package segment

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"signalbox/archive/place"
	"signalbox/journal"
)

// window is how far back the compression looks, in bytes. What reads a segment needs as much
// memory.
const window = 1 << 20

// Writer writes one segment. It needs some MiB of memory, whatever the segment's size.
type Writer struct {
	files   *Files
	draft   place.Draft
	sum     hash.Hash
	written counter
	out     *bufio.Writer
	zip     *zstd.Encoder
	line    []byte
	segment Segment
}

// NewWriter begins a segment. Append or Discard ends it.
func (f *Files) NewWriter(ctx context.Context) (*Writer, error) {
	draft, err := f.Create(ctx)
	if err != nil {
		return nil, err
	}
	w := &Writer{files: f, draft: draft, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(draft, w.sum, &w.written), 64<<10)
	w.zip, err = zstd.NewWriter(w.out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		draft.Discard()
		return nil, err
	}
	return w, nil
}

// counter counts the bytes that are written to it.
type counter int64

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Add writes an event, which must have come after all before it.
func (w *Writer) Add(r *journal.Record, bus string) error {
	w.line = AppendLine(w.line[:0], r, bus)
	if _, err := w.zip.Write(w.line); err != nil {
		return err
	}
	s := &w.segment
	if s.Count == 0 {
		s.First, s.FirstTime = r.Seq, r.Seq.Time()
	}
	s.Last, s.LastTime = r.Seq, r.Seq.Time()
	s.Count++
	s.ContentBytes += int64(len(w.line))
	return nil
}

// Count is how many events were written.
func (w *Writer) Count() int { return w.segment.Count }

// ContentBytes is the size of the lines that were written.
func (w *Writer) ContentBytes() int64 { return w.segment.ContentBytes }

// First is the number of the first event.
func (w *Writer) First() journal.Seq { return w.segment.First }

// commit makes the file whole and durable.
func (w *Writer) commit(ctx context.Context) (Segment, error) {
	if err := w.zip.Close(); err != nil {
		return Segment{}, err
	}
	if err := w.out.Flush(); err != nil {
		return Segment{}, err
	}
	s := w.segment
	s.Bytes, s.SHA256 = int64(w.written), hex.EncodeToString(w.sum.Sum(nil))
	s.Day, s.File = DayOf(s.First), fileName(s.First)
	return s, w.draft.Commit(ctx, s.Path())
}

// Discard removes what was written, unless that was committed.
func (w *Writer) Discard() { w.draft.Discard() }
