package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"signalbox/journal"
	"signalbox/journal/internal/files"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// copyTo copies the files of a directory, as a backup does.
func copyTo(t *testing.T, from string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, files.DirMode); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestNoCheckpointOfAClosedStore: one may be asked for by who does not know yet that a node leads no more.
func TestNoCheckpointOfAClosedStore(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "data"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Checkpoint(func(string) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestACheckpointUnderLoadHoldsWhatWasAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := lane(t, j, "a")
	var (
		mu      sync.Mutex
		acked   []journal.Seq
		writers sync.WaitGroup
	)
	stop := make(chan struct{})
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := j.Seqs.Reserve(1)
				e := entryOf(r.At(0), l)
				e.Record.Meta, e.Record.Envelope, e.Record.GivenID = verified, []byte(verifyEnvelope), "a"
				if err := j.Append([]journal.Entry{e}); err != nil {
					t.Error(err)
					return
				}
				r.Release()
				mu.Lock()
				acked = append(acked, e.Record.Seq)
				mu.Unlock()
			}
		})
	}
	var copies []string
	var before []int
	for range 5 {
		mu.Lock()
		before = append(before, len(acked))
		mu.Unlock()
		if err := j.Checkpoint(func(dir string) error {
			if err := j.Checkpoint(func(string) error { return nil }); !errors.Is(err, ErrCheckpoint) {
				t.Errorf("a second one at the same time: %v", err)
			}
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != files.DirMode {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			copies = append(copies, copyTo(t, dir))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, checkpointDir)); !os.IsNotExist(err) {
			t.Errorf("the checkpoint is left: %v", err)
		}
	}
	close(stop)
	writers.Wait()
	for i, c := range copies {
		if end, err := files.EndOfLog(vfs.Default, c); err != nil || end.Garbage != 0 {
			t.Errorf("copy %d: its log continues after its end: %+v, %v", i, end, err)
		}
		report, err := journal.Verify(c, nil, journal.Readers{}, nil)
		if err != nil || report.FaultCount > 0 {
			t.Errorf("copy %d: %v %v", i, err, report.Faults)
		}
		again, err := Open(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range acked[:before[i]] {
			if _, err := again.Events.Event(s); err != nil {
				t.Errorf("copy %d: %v was acknowledged before it began: %v", i, s, err)
				break
			}
		}
		again.Close()
	}
	if before[4] < 100 {
		t.Errorf("only %d events were acknowledged: the test shows little", before[4])
	}
}

func TestACheckpointThatAKillLeftIsRemoved(t *testing.T) {
	dir := filled(t)
	left := filepath.Join(dir, checkpointDir)
	if err := os.Rename(copyTo(t, dir), left); err != nil {
		t.Fatal(err)
	}
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// killed returns the directory of a store whose process was killed: its log is not closed,
// and its file is one that was used before.
func killed(t *testing.T, used bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := lane(t, j, "a")
	large := bytes.Repeat([]byte("x"), 40_000)
	rounds := 1
	if used {
		rounds = 8 // until a log comes to be in the file of an older one
	}
	for i := range rounds {
		for range 20 {
			r := j.Seqs.Reserve(1)
			e := entryOf(r.At(0), l)
			e.Record.Envelope = large
			if err := j.Append([]journal.Entry{e}); err != nil {
				t.Fatal(err)
			}
			r.Release()
		}
		if i < rounds-1 {
			if err := j.db.Flush(); err != nil { // and with it a new log
				t.Fatal(err)
			}
			large = large[:len(large)-3000]
		}
	}
	appendOne(t, j, l)
	to := filepath.Join(t.TempDir(), "killed") // as a copy of one moment, with all of its log
	if err := j.db.Checkpoint(to, pebble.WithFlushedWAL()); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWhatFollowsTheEndOfTheLogIsReported(t *testing.T) {
	for name, used := range map[string]bool{"new log": false, "log in a used file": true} {
		t.Run(name, func(t *testing.T) {
			dir := killed(t, used)
			end, err := files.EndOfLog(vfs.Default, dir)
			if err != nil || end.Garbage != 0 {
				t.Fatalf("of a log that is whole: %+v, %v", end, err)
			}
			path := filepath.Join(dir, end.Name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tail := whole[end.Offset:]
			if old := bytes.Count(tail, []byte{0}) < len(tail); old != used {
				t.Fatalf("what follows is zero: %v", !old)
			}
			whole[end.Offset-10] ^= 1 // in the last record
			if err := os.WriteFile(path, whole, files.FileMode); err != nil {
				t.Fatal(err)
			}
			report, err := journal.Verify(dir, nil, journal.Readers{}, nil)
			if err != nil || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], end.Name) {
				t.Errorf("verify: %v, %v", report.Notes, err)
			}
			core, logs := observer.New(zap.WarnLevel)
			j, err := Open(dir, Options{Logger: zap.New(core)})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			told := logs.FilterMessageSnippet("follow the last whole record").All()
			if len(told) != 1 || told[0].ContextMap()["bytes"].(int64) < 5 {
				t.Errorf("got %v", told)
			}
		})
	}
}

// TestDamageNeverPanics damages every kind of file of a store in every way. What is found
// differs; a panic, several lines, or a fault that verify passes over and the router trips over, are none of it.
func TestDamageNeverPanics(t *testing.T) {
	intact, large := killed(t, false), killed(t, true)
	for _, pattern := range []string{"*.sst", "*.blob", "*.log", "MANIFEST-*", "OPTIONS-*", "marker.*"} {
		t.Run(pattern, func(t *testing.T) {
			source := intact
			if pattern == "*.sst" || pattern == "*.blob" {
				source = large
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for round := range 10 {
				dir := copyTo(t, source)
				file := matching(t, dir, pattern)
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case len(b) == 0: // a marker says all in its name
					err = os.Rename(file, file[:len(file)-1])
				case round%2 == 0:
					b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
					err = os.WriteFile(file, b, files.FileMode)
				default:
					err = os.WriteFile(file, b[:rng.IntN(len(b))], files.FileMode)
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := journal.Verify(dir, nil, journal.Readers{}, nil); err != nil && strings.Contains(err.Error(), "\n") {
					t.Fatalf("verify: several lines: %v", err)
				}
				core, logs := observer.New(zap.InfoLevel)
				j, err := Open(dir, Options{Logger: zap.New(core), Fatal: func(error) {}})
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Fatalf("open: several lines: %v", err)
				}
				if err == nil {
					_ = j.Deliveries.Ready(0, journal.Cursor{}, ^journal.Seq(0), nil, func(journal.Delivery, journal.Record) bool { return true })
					_ = j.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false)
					_ = j.Close()
				}
				for _, e := range logs.All() {
					for _, f := range e.Context {
						if strings.Contains(f.String, "\n") {
							t.Errorf("the log has several lines: %s %s", e.Message, f.String)
						}
					}
				}
			}
		})
	}
}

// TestADamagedTableIsNamedWhileServing damages a table of a store that opens all the same, and
// reads it as the router does.
func TestADamagedTableIsNamedWhileServing(t *testing.T) {
	dir := filled(t)
	tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	for _, file := range tables {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[3] ^= 0x10 // in the first block of rows
		if err := os.WriteFile(file, b, files.FileMode); err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.InfoLevel)
	j, err := Open(dir, Options{Logger: zap.New(core), Fatal: func(error) {}})
	if err == nil {
		err = j.Deliveries.Ready(lane(t, j, "a"), journal.Cursor{}, ^journal.Seq(0), nil, func(journal.Delivery, journal.Record) bool { return true })
		j.Close()
		if told := logs.FilterMessageSnippet("a file of the store is damaged").All(); len(told) == 0 || !strings.Contains(told[0].ContextMap()["file"].(string), ".sst") {
			t.Errorf("the log names no file: %v", logs.All())
		}
	}
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want the fault in one line", err)
	}
	for _, e := range logs.All() {
		if text := e.Message + fmt.Sprint(e.ContextMap()); strings.Contains(text, "\n") {
			t.Errorf("several lines: %s", text)
		}
	}
}
