package rules

import (
	"context"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The waits of a Watcher, where it does not say otherwise.
const (
	// DefaultQuiet is how long nothing must change before a change is told:
	// editors and deployments write in several steps.
	DefaultQuiet = 20 * time.Millisecond
	// DefaultLongest is the longest that a change is kept back while others follow.
	DefaultLongest = 250 * time.Millisecond
)

// Watcher tells when rule files may have changed. It watches directories, not
// files: editors replace files by renaming, ConfigMaps by swapping symlinks.
type Watcher struct {
	// Paths gives the files, directories and globs to watch. It is asked again
	// after every change. Nothing on its paths need exist yet.
	Paths func() []string
	// Changed is called, by Run, once at its start, for what changed before the
	// watching began, and then after each change.
	Changed func()
	// Failed is told of what cannot be watched; it may be nil.
	Failed func(error)
	// Quiet and Longest replace DefaultQuiet and DefaultLongest.
	Quiet, Longest time.Duration
}

// Run watches until the context ends, which is no error. An error says that the
// system cannot watch files at all.
func (w *Watcher) Run(ctx context.Context) error {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch rule files: %w", err)
	}
	defer system.Close()
	r := &watchRun{Watcher: w, system: system, watched: watchPlan{}}
	if r.Quiet <= 0 {
		r.Quiet = DefaultQuiet
	}
	if r.Longest <= 0 {
		r.Longest = DefaultLongest
	}
	r.timer = time.NewTimer(0)
	defer r.timer.Stop()
	r.rewatch()
	r.loop(ctx)
	return nil
}

// watchRun is the state of one Run; its goroutine alone uses it.
type watchRun struct {
	*Watcher
	system  *fsnotify.Watcher
	watched watchPlan
	failed  string // what Failed was last told
	timer   *time.Timer
	// deadline is when a change that waits must be told; zero if none waits.
	deadline time.Time
}

func (r *watchRun) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-r.system.Events:
			if !ok {
				return
			}
			if r.watched.concerns(ev) {
				r.wait()
			}
		case err, ok := <-r.system.Errors:
			if !ok {
				return
			}
			// Most often an overflow of the queue: anything may have changed.
			r.fail(err)
			r.wait()
		case <-r.timer.C:
			r.deadline = time.Time{}
			r.Changed()
			// What came into being just now may have changed before it was watched.
			if r.rewatch() {
				r.wait()
			}
		}
	}
}

// wait puts the telling off until nothing has changed for a while.
func (r *watchRun) wait() {
	now := time.Now()
	if r.deadline.IsZero() {
		r.deadline = now.Add(r.Longest)
	}
	r.timer.Reset(max(0, min(r.Quiet, r.deadline.Sub(now))))
}

// rewatch watches the directories that matter now and no others. It says
// whether there are new ones.
func (r *watchRun) rewatch() (grown bool) {
	plan := watchPlan{}
	for _, path := range r.Paths() {
		plan.add(path)
	}
	var fault error
	for dir := range plan {
		// Adding a directory again matters: another may have taken its name.
		if err := r.system.Add(dir); err != nil {
			fault = fmt.Errorf("watch %s: %w", dir, err)
			delete(plan, dir)
			continue
		}
		if _, before := r.watched[dir]; !before {
			grown = true
		}
	}
	for dir := range r.watched {
		if _, still := plan[dir]; !still {
			_ = r.system.Remove(dir) // it may be gone
		}
	}
	r.watched = plan
	r.fail(fault)
	return grown
}

// fail tells of a fault once.
func (r *watchRun) fail(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != r.failed && err != nil && r.Failed != nil {
		r.Failed(err)
	}
	r.failed = text
}
