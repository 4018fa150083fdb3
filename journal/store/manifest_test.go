package store

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal"
	"signalbox/journal/internal/disk"
)

// boundaries returns the ends of the records of a manifest, its own end left out.
func boundaries(t *testing.T, path string) (ends []int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := record.NewReader(f, 0)
	for {
		rec, err := r.Next()
		if err != nil {
			return ends[:len(ends)-1]
		}
		if _, err := io.Copy(io.Discard, rec); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, r.Offset())
	}
}

func countEvents(t *testing.T, j *Journal) (n int) {
	t.Helper()
	if err := j.Events.Between(0, 1<<63, func(journal.Record) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAManifestThatLostItsEnd cuts the manifest of a store off behind each of its records, and
// in the middle of some. What opens then holds all that was acknowledged.
func TestAManifestThatLostItsEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	written := 0
	for range 2 {
		j, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		l := lane(t, j, "a")
		for range 8 {
			for range 20 {
				appendOne(t, j, l)
				written++
			}
			if err := j.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		appendOne(t, j, l)
		written++
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	manifest := matching(t, dir, "MANIFEST-*")
	refused := 0
	for _, end := range boundaries(t, manifest) {
		for _, more := range []int64{0, 3} {
			copied := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(copied, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(copied, filepath.Base(manifest)), end+more); err != nil {
				t.Fatal(err)
			}
			_, verified := journal.Verify(copied, nil, journal.Readers{}, nil)
			j, err := Open(copied, Options{})
			if err != nil {
				refused++
				if verified == nil || !strings.Contains(err.Error(), "restore the data directory from a backup") {
					t.Errorf("cut off at %d+%d: %v, and verify says %v", end, more, err, verified)
				}
				continue
			}
			if n := countEvents(t, j); n != written {
				t.Errorf("cut off at %d+%d it opens with %d of %d events", end, more, n, written)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused == 0 {
		t.Error("none was refused")
	}
}

// TestCrashesLeaveNoGap: a store that crashed at any moment, also while it was opened after a
// crash, is not taken for one that has lost something.
func TestCrashesLeaveNoGap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, unsynced := range []int{0, 50, 100} {
		fs := vfs.NewCrashableMem()
		j := open(t, fs)
		l := lane(t, j, "a")
		stop := make(chan struct{})
		var load sync.WaitGroup
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					appendOne(t, j, l)
				}
			}
		})
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := j.db.Flush(); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for range 15 {
			crashed := fs
			for range 3 { // and again and again, before much is written
				crashed = crashed.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rng})
				again, err := Open("data", Options{Disk: disk.New(crashed)})
				if err != nil {
					t.Fatalf("after a crash: %v", err)
				}
				for range rng.IntN(3) {
					appendOne(t, again, l)
				}
				if rng.IntN(2) == 0 {
					if err := again.db.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				t.Cleanup(func() { _ = again.Close() })
			}
		}
		close(stop)
		load.Wait()
	}
}
