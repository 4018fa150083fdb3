package store

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/journal/internal/disk"
)

// TestAFullDiskIsToldOnceAndGottenOver lets the tables of the store, though not
// its log, run into a full disk for a while.
func TestAFullDiskIsToldOnceAndGottenOver(t *testing.T) {
	var full atomic.Bool
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})
	core, logs := observer.New(zap.InfoLevel)
	j, err := Open("data", Options{Disk: disk.New(errorfs.Wrap(vfs.NewMem(), injector)), Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	e := appendOne(t, j, lane(t, j, "a"))
	full.Store(true)
	flushed, err := j.db.AsyncFlush()
	if err != nil {
		t.Fatal(err)
	}
	until(t, "trouble", func() bool { return errors.Is(j.Trouble(), syscall.ENOSPC) })
	full.Store(false)
	<-flushed
	until(t, "the end of the trouble", func() bool { return j.Trouble() == nil })
	if _, err := j.Events.Event(e.Record.Seq); err != nil {
		t.Error(err)
	}
	if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("%d errors logged, want 1", n)
	}
}

// until polls the store's own goroutines, which follow no fake clock.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}
