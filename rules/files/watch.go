package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"
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
	// DefaultPoll is how often files are looked at where the system tells of no changes.
	DefaultPoll = 10 * time.Second
)

// Watcher reports when rule files may have changed. It watches directories, not
// files: editors replace files by renaming, ConfigMaps by swapping symlinks. Where the
// system reports no changes (network mounts, no watches left), it looks at the
// files every Poll.
type Watcher struct {
	// Paths returns the files, directories and globs to watch. It is asked again
	// after every change. Nothing on its paths need exist yet.
	Paths func() []string
	// Changed is called, by Run, once at its start, for what changed before the
	// watching began, and then after each change.
	Changed func()
	// Since is a time before the files were read last. If they have certainly not changed
	// since then, Changed is not called at the start. It may be zero.
	Since time.Time
	// Polling is told why files are looked at every Poll; it may be nil.
	Polling func(error)
	// Quiet, Longest and Poll replace DefaultQuiet, DefaultLongest and DefaultPoll.
	Quiet, Longest, Poll time.Duration

	// newSystem replaces fsnotify.NewWatcher, and remote isRemote, in tests.
	newSystem func() (*fsnotify.Watcher, error)
	remote    func(dir string) error
}

// Run watches until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	r := &watchRun{Watcher: w, watched: watchPlan{}}
	r.setDefaults()
	system, err := r.newSystem()
	if err == nil {
		r.system, r.events, r.errors = system, system.Events, system.Errors
		defer system.Close()
	} else {
		r.broken = fmt.Errorf("watch rule files: %w", err)
	}
	r.timer = time.NewTimer(0)
	defer r.timer.Stop()
	r.poll = time.NewTicker(r.Poll)
	defer r.poll.Stop()
	r.rewatch()
	r.loop(ctx)
}

// watchRun is the state of one Run; its goroutine alone uses it.
type watchRun struct {
	*Watcher
	// system is nil, as are its channels, where the system can't watch files at all;
	// broken says why it can't, or why it has ceased to.
	system  *fsnotify.Watcher
	events  <-chan fsnotify.Event
	errors  <-chan error
	broken  error
	watched watchPlan
	timer   *time.Timer
	// deadline is when a change that waits must be told; zero if none waits.
	deadline time.Time
	// polls means that poll is heeded, and why is what Polling was last told. seen is
	// what the files looked like.
	poll  *time.Ticker
	polls bool
	why   string
	seen  string
}

func (r *watchRun) setDefaults() {
	w := *r.Watcher
	w.Quiet, w.Longest, w.Poll = cmp.Or(w.Quiet, DefaultQuiet), cmp.Or(w.Longest, DefaultLongest), cmp.Or(w.Poll, DefaultPoll)
	if w.newSystem == nil {
		w.newSystem = fsnotify.NewWatcher
	}
	if w.remote == nil {
		w.remote = isRemote
	}
	r.Watcher = &w
}

func (r *watchRun) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-r.events:
			if !ok {
				r.events, r.errors = nil, nil
				r.broken = errors.New("watch rule files: the system has ceased to tell of changes")
				r.wait()
			} else if r.watched.concerns(ev) {
				r.wait()
			}
		case err, ok := <-r.errors:
			if ok && !errors.Is(err, fsnotify.ErrEventOverflow) { // after which anything may have changed
				r.broken = fmt.Errorf("watch rule files: %w", err)
			}
			if !ok {
				r.errors = nil
			}
			r.wait()
		case <-r.poll.C:
			if r.polls && r.changed() {
				r.wait()
			}
		case <-r.timer.C:
			r.deadline = time.Time{}
			r.changed() // what is changed from now on is told again
			if !r.asOf() {
				r.Changed()
			}
			r.Since = time.Time{}
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
	fault := r.broken
	for dir := range plan {
		if err := r.watch(dir); err != nil {
			fault = cmp.Or(fault, err)
			delete(plan, dir)
			continue
		}
		if err := r.remote(dir); err != nil {
			fault = cmp.Or(fault, fmt.Errorf("watch %s: %w", dir, err))
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
	r.pollFor(fault)
	return grown
}

// watch watches a directory. Adding one again matters: another may have taken its name.
func (r *watchRun) watch(dir string) error {
	if r.system == nil {
		return r.broken
	}
	err := r.system.Add(dir)
	if errors.Is(err, syscall.ENOSPC) {
		err = errors.New("no watches are left on this machine (fs.inotify.max_user_watches)")
	}
	if err != nil {
		err = fmt.Errorf("watch %s: %w", dir, err)
	}
	return err
}
