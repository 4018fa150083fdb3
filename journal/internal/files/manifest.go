package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// manifest is what a store's manifest knows of its logs.
type manifest struct {
	// log is the number of the oldest log that is not in tables yet.
	log uint64
	// last is the last sequence number that had been given away when log was set: all
	// older logs end at or before it.
	last uint64
}

// The beginning of each record of a manifest, as Pebble's VersionEdit.Encode writes it, and
// the first sequence number that Pebble gives away (base.SeqNumStart).
const (
	tagComparer       = 1
	tagLog            = 2
	tagNextFile       = 3
	tagLastSequence   = 4
	tagPreviousLog    = 9
	tagCreatedBacking = 105
	tagRemovedBacking = 106
	firstSequence     = 10
)

// CheckManifest refuses a store of which writes are missing between what its manifest tells to
// be in tables and what is in its logs, or between one log and the next. A manifest that has
// lost its end makes an older state of the store, to which the newest logs do not fit. A crash
// leaves no such gap: a log goes only when the manifest, on disk, says that it is in tables.
func CheckManifest(fs vfs.FS, dir string) error {
	desc, err := pebble.Peek(dir, fs)
	if err != nil || !desc.Exists {
		return err
	}
	m, err := readManifest(fs, desc.ManifestFilename)
	if err != nil {
		return err
	}
	logs, err := logNumbers(fs, dir)
	if err != nil {
		return err
	}
	next := max(m.last+1, firstSequence)
	for _, number := range logs {
		if number < m.log {
			continue
		}
		first, after, err := sequencesOf(fs, fs.PathJoin(dir, logName(number)), number)
		if err != nil {
			return err
		}
		if first > next {
			return fmt.Errorf("%d writes that were acknowledged are missing: %s begins behind what %s and older logs have, "+
				"as when the manifest has lost its end or the files are of different moments; restore the data directory from a backup",
				first-next, logName(number), filepath.Base(desc.ManifestFilename))
		}
		next = max(next, after)
	}
	return nil
}

// logName returns the name of a log.
func logName(number uint64) string { return fmt.Sprintf("%06d.log", number) }

// logNumbers returns the numbers of the logs in a directory, sorted.
func logNumbers(fs vfs.FS, dir string) (numbers []uint64, err error) {
	names, err := fs.List(dir)
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, ".log")
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// readManifest reads a manifest up to where the store does.
func readManifest(fs vfs.FS, path string) (m manifest, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	r := record.NewReader(f, 0)
	pending := false // the log was set in a record that does not tell the sequence number
	for {
		rec, err := r.Next()
		if err != nil {
			return m, unlessEnd(err)
		}
		e, err := readEdit(bufio.NewReader(rec))
		if err != nil {
			return m, unlessEnd(err)
		}
		if e.log > 0 {
			m.log, m.last, pending = e.log, e.last, e.last == 0
		} else if pending && e.last > 0 {
			m.last, pending = e.last, false
		}
	}
}

// unlessEnd returns nil for the errors at which a file is taken to end.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || record.IsInvalidRecord(err) {
		return nil
	}
	return err
}

// readEdit reads the beginning of a record of the manifest.
func readEdit(r *bufio.Reader) (e manifest, err error) {
	for {
		tag, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return e, nil
		}
		if err != nil {
			return e, err
		}
		switch tag {
		case tagLog:
			e.log, err = binary.ReadUvarint(r)
		case tagLastSequence:
			e.last, err = binary.ReadUvarint(r)
		case tagNextFile, tagPreviousLog, tagRemovedBacking:
			_, err = binary.ReadUvarint(r)
		case tagCreatedBacking:
			if _, err = binary.ReadUvarint(r); err == nil {
				_, err = binary.ReadUvarint(r)
			}
		case tagComparer:
			var n uint64
			if n, err = binary.ReadUvarint(r); err == nil {
				_, err = r.Discard(int(min(n, 1<<20)))
			}
		default:
			return e, nil // tables, which come last
		}
		if err != nil {
			return e, err
		}
	}
}

// sequencesOf returns the sequence number that a log begins with, and the one after its last;
// 0 and 0 of a log without records.
func sequencesOf(fs vfs.FS, path string, number uint64) (first, after uint64, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	r := numbered(record.NewReader, f, number)
	for {
		var head [12]byte // of a batch: its sequence number, and how many it takes
		rec, err := r.Next()
		if err == nil {
			_, err = io.ReadFull(rec, head[:])
		}
		if err != nil {
			return first, after, nil // where the store stops reading too, or tells why it can't
		}
		begin := binary.LittleEndian.Uint64(head[:])
		if first == 0 {
			first = begin
		}
		after = begin + uint64(binary.LittleEndian.Uint32(head[8:]))
	}
}
