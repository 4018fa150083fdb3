package files

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
)

// LogEnd is where the newest log of a store ends, and what comes behind.
type LogEnd struct {
	Name   string // of the file; empty if there is none
	Offset int64  // behind the last whole record
	// Garbage counts the bytes behind the end that are not zero, and not left of an
	// older log whose file was used again.
	Garbage int
}

// The layout of a log: https://pkg.go.dev/github.com/cockroachdb/pebble/v2/record.
const (
	logBlock     = 32 << 10
	headerLen    = 11 // checksum, length, type, number of the log
	firstOfReuse = 5  // the least type of a chunk that has a number
	lastOfReuse  = 12
)

// EndOfLog reads the newest log of a store.
func EndOfLog(fs vfs.FS, dir string) (end LogEnd, err error) {
	logs, err := logNumbers(fs, dir)
	if err != nil || len(logs) == 0 {
		return end, err
	}
	number := logs[len(logs)-1]
	end.Name = logName(number)
	f, err := fs.Open(fs.PathJoin(dir, end.Name))
	if err != nil {
		return end, err
	}
	defer f.Close()
	whole, err := io.ReadAll(f) // some times the size of a memory table
	if err != nil {
		return end, err
	}
	r := numbered(record.NewReader, bytes.NewReader(whole), number)
	for {
		end.Offset = r.Offset()
		rec, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		if err == io.EOF { // it was closed in good order
			return end, nil
		}
		if err != nil {
			end.Garbage = garbage(whole, end.Offset, uint32(number))
			return end, nil
		}
	}
}

// numbered calls a function whose second parameter is of a type without a name here.
func numbered[T ~uint64](open func(io.Reader, T) *record.Reader, r io.Reader, number uint64) *record.Reader {
	return open(r, T(number))
}

// Garbage counts the bytes that are not zero behind the end of a log. A file that was used
// again continues with what an older log left, which is none of them.
func garbage(whole []byte, end int64, number uint32) (n int) {
	rest := whole[min(end, int64(len(whole))):]
	if _, own := chunk(rest, number); !own {
		for at := end/logBlock*logBlock + logBlock; at < int64(len(whole)); at += logBlock {
			if older, _ := chunk(whole[at:], number); older {
				return 0
			}
		}
	}
	for _, b := range rest {
		if b != 0 {
			n++
		}
	}
	return n
}

// chunk reports whether what begins here is a chunk of an older log, or of this one.
func chunk(b []byte, number uint32) (older, own bool) {
	if len(b) < headerLen {
		return false, false
	}
	of := binary.LittleEndian.Uint32(b[7:])
	known := b[6] >= firstOfReuse && b[6] <= lastOfReuse
	return known && of < number && of > 0, of == number
}

// ReportTail logs what follows the end of the newest log, before it is replayed.
func ReportTail(fs vfs.FS, dir string, log *zap.Logger) error {
	end, err := EndOfLog(fs, dir)
	if err != nil {
		return err
	}
	if end.Garbage > 0 {
		log.Warn("bytes that are not zero follow the last whole record of the log and are left out: "+
			"a write that a crash broke off, which nobody was told of, or damage to what was acknowledged",
			zap.String("file", filepath.Join(dir, end.Name)), zap.Int64("offset", end.Offset), zap.Int("bytes", end.Garbage))
	}
	return nil
}

// truncate shortens a file for good.
func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// CutLog ends the newest log of a copy behind its last whole record. What follows was being
// written while it was copied, or is left of an older log whose file was used again.
func CutLog(fs vfs.FS, dir string) error {
	end, err := EndOfLog(fs, dir)
	if err != nil || end.Name == "" {
		return err
	}
	return truncate(filepath.Join(dir, end.Name), end.Offset)
}
