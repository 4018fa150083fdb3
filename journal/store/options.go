package store

import (
	"errors"
	"fmt"
	"time"

	"signalbox/journal"
	"signalbox/journal/internal/files"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
)

// l0Threshold lets flushed files gather before they are merged into the levels below.
// Files of events do not overlap, so that what gathers is little: the ends of the
// deliveries, which mostly undo each other until then.
const l0Threshold = 12

func pebbleOptions(fs vfs.FS, opts Options, lock *pebble.Lock, listener *pebble.EventListener) *pebble.Options {
	o := &pebble.Options{
		FS:                          files.Yielding(fs),
		Lock:                        lock,
		EventListener:               listener,
		CacheSize:                   16 << 20,
		Logger:                      storeLogger{opts.Logger.Sugar(), opts.Fatal},
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       l0Threshold,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               64 << 20,
		WALBytesPerSync:             0,
		MaxOpenFiles:                opts.MaxOpenFiles,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	o.Experimental.SpanPolicyFunc = apartByTable
	o.Experimental.ValueSeparationPolicy = eventsInFilesOfTheirOwn
	return o
}

// apartByTable ends a file where a table ends. A file of the event log alone
// overlaps no other, so that it can be moved down the levels as it is. The
// events' bytes lie apart from their keys, those of all other tables with them.
func apartByTable(key []byte) (pebble.SpanPolicy, []byte, error) {
	p := pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}
	if key[0] == journal.TableEvent {
		p = pebble.SpanPolicy{DisableValueSeparationBySuffix: true}
	}
	return p, []byte{key[0] + 1}, nil
}

// separateFrom is the size from which an event's bytes lie apart, in bytes.
const separateFrom = 256

// eventsInFilesOfTheirOwn lets compactions move the keys of events only: their
// bytes are written once to the log and once to a file, which is deleted when
// retention has dropped the last event in it.
func eventsInFilesOfTheirOwn() pebble.ValueSeparationPolicy {
	return pebble.ValueSeparationPolicy{
		Enabled: true, MinimumSize: separateFrom, MaxBlobReferenceDepth: 10,
		RewriteMinimumAge: time.Hour, TargetGarbageRatio: 0.5,
	}
}

// storeLogger lets through what an operator must know; Pebble calls Fatalf when
// it can't write and must not go on.
type storeLogger struct {
	log   *zap.SugaredLogger
	fatal func(error)
}

func (l storeLogger) Infof(string, ...any) {}
func (l storeLogger) Errorf(f string, args ...any) {
	l.log.Error(files.OneLine(fmt.Sprintf(f, args...)))
}
func (l storeLogger) Fatalf(f string, args ...any) {
	l.fatal(errors.New(files.OneLine(fmt.Sprintf(f, args...))))
}
