package segment

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"signalbox/journal"
)

// maxLine bounds a line, in bytes: an event as large as a router takes, with what is around it.
const maxLine = 256 << 20

// maxWindow bounds how far back the compression of a segment may look, in bytes.
const maxWindow = 64 << 20

// errChecksum is the error of a file that has changed.
var errChecksum = errors.New("its checksum is wrong: it is not what was written")

// Read calls fn with the events of a segment from one number on, up to but without another, the
// oldest first, until fn says stop. The file's checksum is compared before. The error is a
// *DamagedError if the file is missing or is not what was written.
func (f *Files) Read(ctx context.Context, s *Segment, from, before journal.Seq, fn func(journal.Record) bool) error {
	file, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	defer file.Close()
	zip, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer zip.Close()
	if err := lines(zip, from, before, fn); err != nil {
		return f.ofSegment(s, err)
	}
	return nil
}

// open opens a segment, and compares its checksum.
func (f *Files) open(ctx context.Context, s *Segment) (io.ReadSeekCloser, error) {
	file, err := f.Open(ctx, s.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.ofSegment(s, errors.New("is missing"))
	}
	if err != nil {
		return nil, fmt.Errorf("archive %q: %w", f.Name, err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("archive %q: %w", f.Name, err)
	case n != s.Bytes:
		err = f.ofSegment(s, fmt.Errorf("has %d bytes, not %d", n, s.Bytes))
	case hex.EncodeToString(sum.Sum(nil)) != s.SHA256:
		err = f.ofSegment(s, errChecksum)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f *Files) ofSegment(s *Segment, err error) error {
	return &DamagedError{Archive: f.Name, File: s.Path(), From: s.From, Before: s.Before, Err: err}
}

// lines reads events as they lie in a segment.
func lines(r io.Reader, from, before journal.Seq, fn func(journal.Record) bool) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	var last journal.Seq
	for n := 1; in.Scan(); n++ {
		record, err := readLine(in.Bytes())
		if err == nil && record.Seq <= last {
			err = fmt.Errorf("event %d stands behind event %d", record.Seq, last)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if last = record.Seq; last >= before {
			return nil
		}
		if last >= from && !fn(record) {
			return nil
		}
	}
	return in.Err()
}

// Verify reads a segment to its end, and compares it with what the manifest says.
func (f *Files) Verify(ctx context.Context, s *Segment) error {
	got := Segment{}
	if err := f.Read(ctx, s, 0, ^journal.Seq(0), func(r journal.Record) bool {
		if got.Count == 0 {
			got.First = r.Seq
		}
		got.Last = r.Seq
		got.Count++
		return true
	}); err != nil {
		return err
	}
	if got.Count != s.Count || got.First != s.First || got.Last != s.Last {
		return f.ofSegment(s, fmt.Errorf("has %d events, from %d to %d; its manifest says %d, from %d to %d",
			got.Count, got.First, got.Last, s.Count, s.First, s.Last))
	}
	return nil
}
