package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/journal"
	"signalbox/journal/internal/files"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// filled makes a store with events in files of its own, and returns its directory.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := lane(t, j, "a")
	for range 200 {
		appendOne(t, j, l)
	}
	if err := j.db.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		appendOne(t, j, l)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func matching(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s (%v)", pattern, err)
	}
	return found[len(found)-1]
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestNoStoreIsMadeOverTheRemainsOfOne(t *testing.T) {
	for name, missing := range map[string][]string{
		"the marker":          {"marker.manifest.*"},
		"marker and manifest": {"marker.manifest.*", "MANIFEST-*"},
		"all but the log":     {"marker.*", "MANIFEST-*", "OPTIONS-*", "*.sst", "*.blob"},
		"all but the tables":  {"marker.*", "MANIFEST-*", "OPTIONS-*", "*.log"},
		"the manifest":        {"MANIFEST-*"},
		"a table":             {"*.sst"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			for _, pattern := range missing {
				found, _ := filepath.Glob(filepath.Join(dir, pattern))
				for _, file := range found {
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := names(t, dir)
			if j, err := Open(dir, Options{}); err == nil {
				t.Errorf("a store was opened with %d deliveries", j.Counters.LaneCounts(1).Planned)
				j.Close()
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			if _, err := journal.Verify(dir, nil, journal.Readers{}, nil); err == nil {
				t.Error("verify finds nothing to object to")
			}
			after := names(t, dir)
			for _, file := range before {
				if !slices.Contains(after, file) {
					t.Errorf("%s is gone", file)
				}
			}
		})
	}
}

func TestADamagedFileIsNamed(t *testing.T) {
	for _, pattern := range []string{"*.sst", "MANIFEST-*", "*.blob"} {
		for name, damage := range map[string]func([]byte) []byte{
			"cut":         func(b []byte) []byte { return b[:len(b)/2] },
			"empty":       func([]byte) []byte { return nil },
			"overwritten": func(b []byte) []byte { return slices.Repeat([]byte{0xff}, len(b)) },
			"one block": func(b []byte) []byte {
				for i := range min(len(b), 64) {
					b[i] ^= 0x5a
				}
				return b
			},
		} {
			t.Run(pattern+" "+name, func(t *testing.T) {
				dir := filled(t)
				if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) == 0 {
					return // nothing was large enough to lie apart
				}
				file := matching(t, dir, pattern)
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(b), 0o600); err != nil {
					t.Fatal(err)
				}
				report, err := journal.Verify(dir, nil, journal.Readers{}, nil)
				if err == nil && report.FaultCount == 0 {
					t.Error("verify finds nothing to object to")
				}
				if err != nil && strings.Contains(err.Error(), "goroutine ") {
					t.Errorf("a stack trace: %v", err)
				}
			})
		}
	}
}

func TestModesOfTheDataDirectory(t *testing.T) {
	dir := filled(t)
	for _, name := range append(names(t, dir), ".") {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %04o", name, mode)
		}
	}
	core, logs := observer.New(zap.WarnLevel)
	for _, test := range []struct {
		mode  os.FileMode
		err   string
		warns int
	}{
		{0o777, "anybody may write to it", 0},
		{0o770, "", 1},
		{0o750, "", 0},
	} {
		if err := os.Chmod(dir, test.mode); err != nil {
			t.Fatal(err)
		}
		logs.TakeAll()
		j, err := Open(dir, Options{Logger: zap.New(core)})
		if err == nil {
			j.Close()
		}
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("mode %04o: %v, want %q", test.mode, err, test.err)
		}
		if n := logs.FilterMessageSnippet("group of the data directory").Len(); n != test.warns {
			t.Errorf("mode %04o: %d warnings, want %d", test.mode, n, test.warns)
		}
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := filled(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	j, err := Open(link, Options{})
	if err != nil {
		t.Fatalf("data_dir itself may be a link: %v", err)
	}
	j.Close()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "000999.sst")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "000999.sst is a symbolic link") {
		t.Errorf("got %v", err)
	}
}

func TestALockThatFailsSaysWhy(t *testing.T) {
	dir := filled(t)
	j, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, files.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	j.Close()
	lock := filepath.Join(dir, "LOCK")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || errors.Is(err, files.ErrLocked) || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v, want the reason", err)
	}
}
