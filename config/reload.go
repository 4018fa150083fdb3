package config

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"signalbox/document"
	"signalbox/rules"
	"signalbox/rules/files"
)

// Reloader keeps the rules up to date with their files and other sources. A reload is all
// or nothing for each of these: everything is read, checked and built, and only then handed
// over; the files and config.yaml are one of them.
type Reloader struct {
	opts ReloaderOptions

	// mu serialises reloads, and guards all below.
	mu      sync.Mutex
	set     *rules.Set
	good    *Config // the last one without a fault
	paths   []string
	status  Status
	failure string // what the last reload failed with
}

// ReloaderOptions are what a Reloader works with. Config and Set are what the
// router was started with.
type ReloaderOptions struct {
	Config *Config
	Set    *rules.Set
	// Others are sources of rules besides the files, as LoadRules was given them. Who
	// changes what one holds calls Reload.
	Others []rules.Documents
	// Swap puts a new Set in the place of the one that serves. On an error the old
	// one must continue to serve.
	Swap func(*rules.Set) error
	// LastGood returns the texts of files that were last loaded without a fault, none if it has none:
	// Change takes these where the Set has dropped its own. It may be nil.
	LastGood func() rules.Files
	// Judge returns why a Set may not take the place of the one that serves, by what the
	// new configuration says of reloads; it is not asked where that is forced, and may be nil.
	Judge func(ctx context.Context, c *Config, serves, next *rules.Set) error
	// Apply takes over what of the configuration is not rules and needs no restart: keys,
	// allowed hosts and where it may connect to; it may be nil.
	Apply func(*Config) error
	// Observe is told of every reload, in order; it may be nil. It must not call
	// the Reloader.
	Observe func(Outcome)
}

// Outcome is how one reload ended.
type Outcome struct {
	// Changed means that another Set serves now: its Revision differs, or a secret
	// that its targets refer to.
	Changed bool
	// Err is why the old Set continues to serve; nil if all is well. With Changed, it is
	// why the last good documents of one source serve beside the new ones of another.
	Err error
	// Repeated means that the last reload failed with the same error.
	Repeated bool
	// Recovered means that the last reload failed, and this one did not.
	Recovered bool
	// Set is the one that serves now.
	Set *rules.Set
	// NeedRestart are the options in config.yaml that differ from those the router
	// was started with, and take effect only when it starts again.
	NeedRestart []string
	// Noticed means that a changed file was the reason: nobody asked for the reload.
	Noticed bool
	// Started and Took are when the reload began and how long it took.
	Started time.Time
	Took    time.Duration
}

// Status is the state of reloading, as the API shows it.
type Status struct {
	Revision string `json:"revision"`
	// OK means that the files are as they serve.
	OK bool `json:"ok"`
	// Errors are the faults of the last reload, one each.
	Errors []string `json:"errors,omitempty"`
	// LoadedAt is when the Set that serves was loaded, CheckedAt when its files
	// were last read.
	LoadedAt    time.Time `json:"loaded_at"`
	CheckedAt   time.Time `json:"checked_at"`
	NeedRestart []string  `json:"need_restart,omitempty"`
}

// NewReloader makes a Reloader. It does nothing until it is asked to.
func NewReloader(opts ReloaderOptions) *Reloader {
	now := time.Now()
	return &Reloader{
		opts:   opts,
		set:    opts.Set,
		good:   opts.Config,
		paths:  append(opts.Config.watched(), opts.Set.Catalog.Paths()...),
		status: Status{Revision: opts.Set.Revision, OK: true, LoadedAt: now, CheckedAt: now},
	}
}

// Run reloads whenever a file has changed, until the context ends. polling is told
// why files are looked at every files.DefaultPoll instead of being watched; it may be nil.
func (r *Reloader) Run(ctx context.Context, polling func(error)) {
	w := files.Watcher{
		Paths:   r.watched,
		Polling: polling,
		Since:   r.opts.Config.readAt,
		// The error reaches whoever observes.
		Changed: func() { _, _ = r.run(ctx, noticed) },
	}
	w.Run(ctx)
}

func (r *Reloader) watched() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths
}

// Status returns the state of reloading.
func (r *Reloader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Reload reads config.yaml, all rule files and the other sources, and hands the Set over
// if it differs from the one that serves. An error about documents is of the type
// document.Errors; what has changed beside it is of sources without a fault.
func (r *Reloader) Reload(ctx context.Context) (changed bool, err error) { return r.run(ctx, asked) }

// Force is Reload without ReloaderOptions.Judge.
func (r *Reloader) Force(ctx context.Context) (changed bool, err error) { return r.run(ctx, forced) }

// reason is why there is a reload.
type reason int

const (
	asked reason = iota
	forced
	noticed // a file has changed
)

func (r *Reloader) run(ctx context.Context, why reason) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	out := Outcome{Noticed: why == noticed, Started: time.Now()}
	out.Changed, out.NeedRestart, out.Err = r.reload(ctx, why == forced)
	out.Took = time.Since(out.Started)
	out.Set = r.set
	r.note(&out)
	if r.opts.Observe != nil {
		r.opts.Observe(out)
	}
	return out.Changed, out.Err
}

func (r *Reloader) reload(ctx context.Context, force bool) (changed bool, needRestart []string, err error) {
	next, needRestart, unreadable := r.read()
	if unreadable != nil && !r.set.HoldsTexts() {
		return false, needRestart, unreadable
	}
	src := next.source(r.set, r.opts.Others)
	src.Unreadable = unreadable
	set, err := rules.Load(src)
	// Watched from now on even if the rules are faulty: a file that is named newly
	// may be the one to fix. The files of schemas are known once a load has succeeded;
	// till then those of the catalog that serves are watched.
	schemas := r.set.Catalog.Paths()
	if err == nil {
		schemas = set.Catalog.Paths()
	}
	r.paths = append(next.watched(), schemas...)
	if set == nil || set.Same(r.set) {
		return false, needRestart, err
	}
	if r.opts.Judge != nil && !force {
		if fault := r.opts.Judge(ctx, next, r.set, set); fault != nil {
			return false, needRestart, errors.Join(err, fault)
		}
	}
	if fault := r.opts.Swap(set); fault != nil {
		return false, needRestart, errors.Join(err, fmt.Errorf("the new rules are right, but cannot serve: %w", fault))
	}
	r.set = set
	return true, needRestart, err
}

// Change makes the documents of the other sources serve, beside the files as they serve, and then
// calls keep, which stores them. On an error, also of keep, nothing has changed; one about documents
// is of the type document.Errors.
func (r *Reloader) Change(ctx context.Context, others []rules.Documents, keep func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	src := r.good.source(r.set, others)
	src.KeepFiles = true
	if r.opts.LastGood != nil && !r.set.HoldsTexts() {
		if files := r.opts.LastGood(); len(files.Rules) > 0 {
			src.Files = &files
		}
	}
	set, err := rules.Load(src)
	if err != nil {
		return err
	}
	if set == nil { // what the sources hold is the same
		return keep()
	}
	before, changed := r.set, !set.Same(r.set)
	if changed && r.opts.Judge != nil {
		if err := r.opts.Judge(ctx, r.good, before, set); err != nil {
			return err
		}
	}
	if changed {
		if err := r.opts.Swap(set); err != nil {
			return err
		}
	}
	if err := keep(); err != nil {
		if changed {
			err = errors.Join(err, r.opts.Swap(before))
		}
		return err
	}
	r.set = set
	if changed {
		r.status.Revision, r.status.LoadedAt = set.Revision, time.Now()
	}
	return nil
}

// Candidate returns the Set that serves, and the one that would serve if documents stood in place
// of all rule files. What stands in config.yaml, and the catalog, are those of the last good
// configuration. An error about documents is of the type document.Errors; in it, "candidate:"
// stands before their paths.
func (r *Reloader) Candidate(documents []rules.Document) (serves, candidate *rules.Set, err error) {
	r.mu.Lock()
	good, serves := r.good, r.set
	r.mu.Unlock()
	others := append([]rules.Documents{{Name: "candidate", Read: func() ([]rules.Document, error) { return documents, nil }}}, r.opts.Others...)
	src := good.source(nil, others)
	src.Globs, src.Loaded, src.Secrets = nil, nil, good.given // the files of its secrets are not watched
	candidate, err = rules.Load(src)
	return serves, candidate, err
}

// read reads config.yaml. With an error, it returns the configuration that was good last.
func (r *Reloader) read() (next *Config, needRestart []string, err error) {
	started := r.opts.Config
	next, err = load(started.Path, started.given)
	if err != nil {
		return r.good, r.status.NeedRestart, err
	}
	next.Loaded = started.Loaded
	if started.listenGiven {
		next.ListenOn(started.Listen)
	}
	needRestart = started.differences(next)
	if r.opts.Apply != nil {
		if err := r.opts.Apply(next); err != nil {
			return r.good, needRestart, err
		}
	}
	// Those of the ARNs of rules, and those that are served with: they change with a restart alone.
	next.Account, next.Region, next.TLS, next.Listen = started.Account, started.Region, started.TLS, started.Listen
	r.good = next
	return next, needRestart, nil
}

// note brings the status up to date and compares with the reload before.
func (r *Reloader) note(out *Outcome) {
	failure := ""
	if out.Err != nil {
		failure = out.Err.Error()
	}
	out.Repeated = failure != "" && failure == r.failure
	out.Recovered = failure == "" && r.failure != ""
	r.failure = failure

	r.status.OK = out.Err == nil
	r.status.Errors = Faults(out.Err)
	r.status.CheckedAt = out.Started
	r.status.NeedRestart = out.NeedRestart
	if out.Changed {
		r.status.Revision = out.Set.Revision
		r.status.LoadedAt = out.Started
	}
}

// Faults returns the faults of files one by one.
func Faults(err error) []string {
	var all document.Errors
	if !errors.As(err, &all) {
		if err == nil {
			return nil
		}
		return []string{err.Error()}
	}
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.Error()
	}
	return texts
}

// differences names the options that are not reloaded and differ.
func (c *Config) differences(next *Config) []string {
	var names []string
	a, b := reflect.ValueOf(*c), reflect.ValueOf(*next)
	for i := range a.NumField() {
		name := a.Type().Field(i).Tag.Get("yaml")
		switch name {
		case "", "-", "rules", "targets", "buses", "hooks", "connections", "sources", "archives", "catalog", "naming", "secrets", "secret_keys", "auth", "allowed_hosts", "egress", "reload":
			continue
		}
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, name)
		}
	}
	return names
}
