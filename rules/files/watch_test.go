package files

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watching runs a Watcher on paths below dir for the length of a test, and gives
// a function that waits for the next time it tells of a change.
func watching(t *testing.T, paths ...string) (next func(what string)) {
	t.Helper()
	told := make(chan struct{}, 100)
	w := &Watcher{
		Paths:   func() []string { return paths },
		Changed: func() { told <- struct{}{} },
		Polling: func(err error) { t.Errorf("polls: %v", err) },
		Quiet:   5 * time.Millisecond,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	next = func(what string) {
		t.Helper()
		select {
		case <-told:
		case <-time.After(10 * time.Second):
			t.Fatalf("not told of: %s", what)
		}
		// One change may be told several times; wait until that is over.
		for {
			select {
			case <-told:
			case <-time.After(100 * time.Millisecond):
				return
			}
		}
	}
	next("the start")
	return next
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatcherSeesEdits(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, "rules: []")
	next := watching(t, filepath.Join(dir, "*.yaml"))

	write(t, file, "rules: [] # in place")
	next("a write in place")
	for range 2 {
		write(t, file+".tmp", "rules: []")
		must(t, os.Rename(file+".tmp", file))
		next("a rename over the file")
	}
	must(t, os.Rename(file, file+"~"))
	write(t, file, "rules: []")
	next("a file moved away and written anew")
	write(t, filepath.Join(dir, "b.yaml"), "")
	next("a new file")
	must(t, os.Remove(file))
	next("a file removed")
}

// A ConfigMap is a directory of symlinks through ..data, itself a symlink that
// is replaced by a rename when the contents change.
func TestWatcherSeesConfigMapSwaps(t *testing.T) {
	dir := t.TempDir()
	mount := filepath.Join(dir, "mount")
	write(t, filepath.Join(mount, "..1", "a.yaml"), "rules: []")
	must(t, os.Symlink("..1", filepath.Join(mount, "..data")))
	must(t, os.Symlink("..data/a.yaml", filepath.Join(mount, "a.yaml")))
	next := watching(t, filepath.Join(mount, "*.yaml"))
	for _, version := range []string{"..2", "..3", "..4"} {
		write(t, filepath.Join(mount, version, "a.yaml"), "rules: [] # "+version)
		must(t, os.Symlink(version, filepath.Join(mount, "..tmp")))
		must(t, os.Rename(filepath.Join(mount, "..tmp"), filepath.Join(mount, "..data")))
		next("swap to " + version)
	}
}

func TestWatcherSeesSymlinksOnTheWay(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "releases/1/rules/a.yaml"), "rules: []")
	write(t, filepath.Join(dir, "releases/2/rules/a.yaml"), "rules: []")
	must(t, os.Symlink("releases/1", filepath.Join(dir, "current")))
	next := watching(t, filepath.Join(dir, "current/rules/*.yaml"))
	must(t, os.Symlink("releases/2", filepath.Join(dir, "new")))
	must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "current")))
	next("another release")
	write(t, filepath.Join(dir, "releases/2/rules/a.yaml"), "rules: [] # edited")
	next("an edit in the new release")
}

func TestWatcherSeesDirectoriesComeAndGo(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "deep", "rules")
	file := filepath.Join(rules, "a.yaml")
	next := watching(t, filepath.Join(rules, "*.yaml"))
	for range 2 {
		must(t, os.MkdirAll(rules, 0o755))
		next("the directory made")
		write(t, file, "rules: []")
		next("a file in it")
		must(t, os.RemoveAll(filepath.Join(dir, "deep")))
		next("all removed")
	}
	must(t, os.MkdirAll(filepath.Join(dir, "other"), 0o755))
	write(t, file, "rules: []")
	next("all made at once")
	write(t, filepath.Join(dir, "deep", "next", "a.yaml"), "rules: [] # next")
	must(t, os.Rename(rules, rules+".old"))
	must(t, os.Rename(filepath.Join(dir, "deep", "next"), rules))
	next("another directory in its place")
	write(t, file, "rules: [] # edited")
	next("an edit in that one")
}

func TestWatchPlanConcerns(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules")
	must(t, os.Mkdir(rules, 0o755))
	plan := watchPlan{}
	plan.add(filepath.Join(rules, "*.yaml"))
	plan.add(filepath.Join(dir, "config.yaml"))
	tests := []struct {
		path string
		op   fsnotify.Op
		want bool
	}{
		{"rules/a.yaml", fsnotify.Write, true},
		{"rules/a.yaml", fsnotify.Chmod, true},
		{"rules/events.log", fsnotify.Write, false},
		{"rules/..data", fsnotify.Create, true},
		{"rules/a.yaml~", fsnotify.Rename, true},
		{"rules", fsnotify.Remove, true},
		{"config.yaml", fsnotify.Write, true},
		{"config.yaml", fsnotify.Create, true},
		{"events.log", fsnotify.Write, false},
		{"data", fsnotify.Create, false},
	}
	for _, tt := range tests {
		t.Run(tt.op.String()+" "+tt.path, func(t *testing.T) {
			ev := fsnotify.Event{Name: filepath.Join(dir, tt.path), Op: tt.op}
			if got := plan.concerns(ev); got != tt.want {
				t.Errorf("concerns: got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestWatcherTellsWhatChangedBeforeIt: what was changed after the files were read is told
// at the start, however it was changed. If nothing was, nothing is told.
func TestWatcherTellsWhatChangedBeforeIt(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	for _, test := range []struct {
		what   string
		change func(t *testing.T, dir string)
		told   bool
	}{
		{"nothing", func(*testing.T, string) {}, false},
		{"a file", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules", "a.yaml"), "rules: [] #") }, true},
		{"a file, with its old time", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "rules", "a.yaml"), "rules: ()")
			must(t, os.Chtimes(filepath.Join(dir, "rules", "a.yaml"), old, old))
		}, true},
		{"a file replaced by an older one", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "older"), filepath.Join(dir, "rules", "a.yaml")))
		}, true},
		{"a file removed", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "rules", "b.yaml"))) }, true},
		{"a directory swapped", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "rules"), filepath.Join(dir, "before")))
			must(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "rules")))
		}, true},
		{"a secret", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "secrets", "token"), "two") }, true},
		{"a secret removed", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "secrets", "token"))) }, true},
	} {
		t.Run(test.what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etc")
			for _, name := range []string{"rules/a.yaml", "rules/b.yaml", "next/a.yaml", "next/b.yaml", "older"} {
				write(t, filepath.Join(dir, name), "rules: []")
			}
			write(t, filepath.Join(dir, "secrets", "token"), "one")
			since := timePassed(t)
			test.change(t, dir)
			if told := toldAtStart(t, since, filepath.Join(dir, "rules", "*.yaml"), filepath.Join(dir, "secrets", "token")); told != test.told {
				t.Errorf("told: %v, want %v", told, test.told)
			}
		})
	}
}

// timePassed returns a time so long after what was written last that the file system's
// clock tells them apart.
func timePassed(t *testing.T) time.Time {
	written := time.Now()
	probe := filepath.Join(t.TempDir(), "probe")
	for end := written.Add(10 * time.Second); time.Now().Before(end); {
		write(t, probe, "")
		if changedSince(probe, written.Add(clockSlack)) {
			break
		}
	}
	return time.Now()
}

// toldAtStart reports whether a Watcher tells of a change when it starts.
func toldAtStart(t *testing.T, since time.Time, paths ...string) (told bool) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0 // for the paths: at first, for the times of files, and once the start is over
	w := &Watcher{
		Since:   since,
		Changed: func() { told = true },
		Paths: func() []string {
			if asked++; asked == 3 || told {
				cancel()
			}
			return paths
		},
	}
	w.Run(ctx)
	return told
}
