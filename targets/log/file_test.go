package log

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/targetstest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// linesIn counts the lines of a file; -1 if there is none.
func linesIn(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return -1
	}
	must(t, err)
	return strings.Count(string(text), "\n")
}

// TestFollowsItsPath: other programs move the file of a log target away, or remove it.
func TestFollowsItsPath(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(path string, target targets.Target) error
		path   int // lines that are there in the end
		old    int // lines in what was moved away
	}{
		{"nothing", func(string, targets.Target) error { return nil }, 2, -1},
		{"moved", func(path string, _ targets.Target) error { return os.Rename(path, path+".1") }, 1, 1},
		{"removed", func(path string, _ targets.Target) error { return os.Remove(path) }, 1, -1},
		{"truncated", func(path string, _ targets.Target) error { return os.Truncate(path, 0) }, 1, -1},
		{"replaced", func(path string, _ targets.Target) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, []byte("new\n"), 0o600))
		}, 2, 1},
		{"moved and reopened", func(path string, target targets.Target) error {
			return errors.Join(os.Rename(path, path+".1"), target.(targets.Reopener).Reopen())
		}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.jsonl")
			target := open(t, targets.Config{Options: &Options{Path: path}}, targets.Env{})
			must(t, target.Deliver(t.Context(), targetstest.Delivery()))
			must(t, test.change(path, target))
			must(t, target.Deliver(t.Context(), targetstest.Delivery()))
			if got, old := linesIn(t, path), linesIn(t, path+".1"); got != test.path || old != test.old {
				t.Errorf("%d lines, and %d in what was moved away, want %d and %d", got, old, test.path, test.old)
			}
		})
	}
}

func TestReopenMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	target := open(t, targets.Config{Options: &Options{Path: path}}, targets.Env{})
	must(t, os.Remove(path))
	must(t, target.(targets.Reopener).Reopen())
	if got := linesIn(t, path); got != 0 {
		t.Errorf("%d lines, want an empty file", got)
	}
}

// TestFolderThatIsGone: deliveries wait until it is back.
func TestFolderThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	must(t, os.Mkdir(dir, 0o700))
	target := open(t, targets.Config{Options: &Options{Path: filepath.Join(dir, "events.jsonl")}}, targets.Env{})
	must(t, os.RemoveAll(dir))
	for range 2 {
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeNoResource || e.Final || !errors.Is(e, os.ErrNotExist) {
			t.Errorf("error %v, want one to be retried", e)
		}
	}
	must(t, os.Mkdir(dir, 0o700))
	must(t, target.Deliver(t.Context(), targetstest.Delivery()))
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	target := open(t, targets.Config{Options: &Options{Path: path, Rotate: &Rotate{MaxBytes: minRotate, Keep: 2}}}, targets.Env{})
	const lines = 20
	for range lines {
		must(t, target.Deliver(t.Context(), targetstest.Delivery()))
	}
	files, err := filepath.Glob(filepath.Join(dir, "events*.jsonl"))
	must(t, err)
	if len(files) != 3 {
		t.Errorf("the files are %q, want the newest and two older ones", files)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		must(t, err)
		if info.Size() > minRotate || linesIn(t, name) < 1 {
			t.Errorf("%s has %d bytes and %d lines, want up to %d bytes", name, info.Size(), linesIn(t, name), minRotate)
		}
	}
}

// TestPipeWithoutReader: opening one would wait for its reader.
func TestPipeWithoutReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	if _, err := newNamed(targets.Config{Name: "audit", Options: &Options{Path: path}}, targets.Env{}); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("got %v, want an error that the pipe has no reader", err)
	}
}

// TestStuckStdout: what writes to a pipe that nobody reads holds no attempt longer than
// its timeout, and continues as soon as somebody does.
func TestStuckStdout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		target := open(t, targets.Config{}, targets.Env{Stdout: writer})
		batch := target.(targets.BatchTarget)
		for range 3 {
			start := time.Now()
			each, whole := batch.DeliverBatch(t.Context(), targetstest.BatchOf(2))
			if got := targetstest.Codes(t, each); got != "TIMEOUT TIMEOUT" || whole != nil || time.Since(start) != 5*time.Second {
				t.Errorf("%s, %v after %v", got, whole, time.Since(start))
			}
		}
		broken, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, target.Deliver(broken, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("broken off: %v", e)
		}
		go func() { _, _ = io.Copy(io.Discard, reader) }()
		synctest.Wait()
		must(t, target.Deliver(t.Context(), targetstest.Delivery()))
		must(t, writer.Close())
	})
}

func TestClosedStdout(t *testing.T) {
	reader, writer, err := os.Pipe()
	must(t, err)
	must(t, reader.Close())
	defer writer.Close()
	target := open(t, targets.Config{}, targets.Env{Stdout: writer})
	if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Final || !errors.Is(e, syscall.EPIPE) {
		t.Errorf("error %v, want one to be retried", e)
	}
}

func TestValidate(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name string
		o    Options
		want string
	}{
		{"all well", Options{Path: filepath.Join(dir, "x"), Rotate: &Rotate{}}, "[] []"},
		{"rotation of stdout", Options{Rotate: &Rotate{}}, "[rotate: is only for to: file] []"},
		{"too small", Options{Path: "x", Rotate: &Rotate{MaxBytes: 1}}, "[rotate.max_bytes: is 1B: it must be at least 1KiB] []"},
		{"too many", Options{Path: "x", Rotate: &Rotate{Keep: 1001}}, "[rotate.keep: is 1001: it must be from 1 to 1000] []"},
		{"no directory", Options{Path: "/none/x"}, "[] [path: there is no directory /none here: the router starts only where there is one]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := targetstest.Named(Kind(), targets.Config{Options: &test.o})
			c.SetDefaults()
			errs, warnings := c.Check(secret.Source{})
			if got := fmt.Sprint(errs, warnings); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
