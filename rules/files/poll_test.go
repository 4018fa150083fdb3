package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// TestWatcherPollsWithoutFileEvents: where the system can't watch at all, files are
// looked at every 10 s, and a change is told then, once.
func TestWatcherPollsWithoutFileEvents(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules", "a.yaml")
	write(t, file, "rules: []")
	secret := filepath.Join(dir, "token")
	write(t, secret, "one")
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		var why []string
		w := &Watcher{
			Paths:     func() []string { return []string{filepath.Join(dir, "rules", "*.yaml"), secret} },
			Changed:   func() { told.Add(1) },
			Polling:   func(err error) { why = append(why, err.Error()) },
			newSystem: func() (*fsnotify.Watcher, error) { return nil, errors.New("no instances left") },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		expect := func(what string, change func(), want int) {
			t.Helper()
			before := told.Load()
			change()
			time.Sleep(DefaultPoll + time.Second)
			synctest.Wait()
			if n := int(told.Load() - before); n != want {
				t.Errorf("%s: told %d times, want %d", what, n, want)
			}
		}
		expect("the start", func() { go func() { defer close(done); w.Run(ctx) }() }, 1)
		expect("nothing", func() {}, 0)
		expect("an edit", func() { write(t, file, "rules: [] # edited") }, 1)
		expect("a new file", func() { write(t, filepath.Join(dir, "rules", "b.yaml"), "rules: []") }, 1)
		expect("a removed file", func() { must(t, os.Remove(file)) }, 1)
		expect("a secret", func() { write(t, secret, "two, and longer") }, 1)
		expect("another file", func() { write(t, filepath.Join(dir, "rules", "notes.txt"), "x") }, 0)
		if len(why) != 1 || !strings.Contains(why[0], "no instances left") {
			t.Errorf("Polling was told %q, want the reason once", why)
		}
		cancel()
		<-done
	})
}

// TestWatcherPollsNetworkMounts: events come from a mount too, but not those of what
// other machines write.
func TestWatcherPollsNetworkMounts(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, "rules: []")
	told, why := make(chan struct{}, 10), make(chan error, 10)
	w := &Watcher{
		Paths:   func() []string { return []string{file} },
		Changed: func() { told <- struct{}{} },
		Polling: func(err error) { why <- err },
		Poll:    20 * time.Millisecond,
		remote: func(at string) error {
			if at == dir {
				return errors.New("it lies on NFS")
			}
			return nil
		},
		newSystem: func() (*fsnotify.Watcher, error) {
			system, err := fsnotify.NewWatcher()
			if err == nil {
				system.Events = nil // nothing is told
			}
			return system, err
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-told
	if err := <-why; !strings.Contains(err.Error(), "NFS") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Polling was told %v", err)
	}
	write(t, file, "rules: [] # edited")
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Error("the edit was not told")
	}
}
