// Package archiver writes the archives of a running router: each in a goroutine of its own, in
// the order of time, from where it has got to. It tells retention what is still owed to them,
// and reads them and the store as one.
package archiver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/archive"
	"signalbox/archive/past"
	"signalbox/archive/place"
	"signalbox/archive/segment"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Options are what archives are made of. Journal is required.
type Options struct {
	Journal    *store.Journal
	Logger     *zap.Logger
	Registerer prometheus.Registerer
	// Env is what the places of archives take.
	Env place.Env
	// maxPiece is how many bytes of events are read at once for one segment at most.
	maxPiece int
}

// maxPiece is maxPiece where nothing else is said.
const maxPiece = 256 << 20

// Archiver writes archives. It is safe for concurrent use.
type Archiver struct {
	opts    Options
	metrics *metrics

	mu  sync.Mutex
	all map[string]*keeper
	// gone are those that were taken away; one of the same name begins when it has ended.
	gone map[string]*keeper
	// known are the states that archives had when they were last written.
	known   map[string]saved
	stopped bool
	// ahead is the number before which archives may have events that the store never had.
	ahead atomic.Uint64
	// ctx ends with Stop, and with it verifications, of which one runs at a time.
	ctx       context.Context
	cancel    context.CancelFunc
	verifying sync.Mutex
	// running counts the goroutines of all keepers, also of those that were replaced.
	running sync.WaitGroup
}

// saved is how far an archive has got, as it lies in the store.
type saved struct {
	// Owner is who this is in the eyes of the archive.
	Owner string `json:"owner"`
	// Next is who this is about to be.
	Next string `json:"next,omitempty"`
	// All events before Cursor are in the archive, if it takes them.
	Cursor journal.Seq `json:"cursor,string"`
	// From is where the next segment begins; it is before Cursor where no event was to be
	// archived. Written is where the latest segment ends; 0 if there is none.
	From    journal.Seq `json:"from,string"`
	Written journal.Seq `json:"written,string,omitempty"`
	// Gap means that the next segment does not continue what lies in the archive.
	Gap bool `json:"gap,omitempty"`
	// Ahead is the number before which the archive may have events that the store never had, as
	// it was made of a backup, or anew; 0 for none.
	Ahead journal.Seq `json:"ahead,string,omitempty"`
}

// New returns an archiver without archives, which knows how far those of before have got.
func New(o Options) (*Archiver, error) {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	o.maxPiece = cmp.Or(o.maxPiece, maxPiece)
	a := &Archiver{opts: o, all: map[string]*keeper{}, gone: map[string]*keeper{}, known: map[string]saved{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if err := o.Journal.Archives.All(func(name string, state []byte) error {
		var s saved
		if err := json.Unmarshal(state, &s); err != nil {
			return fmt.Errorf("archive %q: %w", name, err)
		}
		a.keep(name, s)
		o.Journal.Seqs.Pass(s.Cursor) // no event comes to lie before
		return nil
	}); err != nil {
		return nil, err
	}
	if err := a.disown(); err != nil {
		return nil, err
	}
	a.metrics = newMetrics(o.Registerer, a)
	return a, nil
}

// disown forgets whose archives are, where the store was made of a backup and the router has not
// begun since: another copy of it may write them.
func (a *Archiver) disown() error {
	restored, err := a.opts.Journal.Meta.Restored()
	if err != nil || !restored {
		return err
	}
	for name, s := range a.known {
		s.Owner, s.Next = "", ""
		if err := a.put(name, s); err != nil {
			return err
		}
	}
	return nil
}

// keep notes how far an archive has got.
func (a *Archiver) keep(name string, s saved) {
	a.known[name] = s
	a.ahead.Store(max(a.ahead.Load(), uint64(s.Ahead)))
}

// put makes how far an archive has got durable.
func (a *Archiver) put(name string, s saved) error {
	state, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := a.opts.Journal.Archives.Put(name, state); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	a.keep(name, s)
	return nil
}

// Set puts other archives in the place of those that are written. One that is the same goes on;
// one that has changed begins when the old one has ended. One that is gone is owed nothing more,
// and what lies in it stays. It does not wait for any of that.
func (a *Archiver) Set(next map[string]*archive.Archive) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	for name, s := range a.known {
		if next[name] == nil && s.Cursor > 0 {
			a.forget(name, s)
		}
	}
	for name, k := range a.all {
		if next[name] == nil {
			k.cancel()
			delete(a.all, name)
			a.gone[name] = k
			a.metrics.forget(name)
		}
	}
	for name, declared := range next {
		before := a.all[name]
		if before == nil {
			a.start(declared, a.gone[name])
		} else if !before.archive.Equal(declared) {
			a.start(declared, before)
		}
	}
}

// forget drops how far an archive has got, but not whose it is.
func (a *Archiver) forget(name string, s saved) {
	if err := a.put(name, saved{Owner: s.Owner, Next: s.Next, Ahead: s.Ahead}); err != nil {
		a.opts.Logger.Error("how far an archive has got can't be forgotten", zap.String("archive", name), zap.Error(err))
	}
}

// start begins to write an archive, after the one before it.
func (a *Archiver) start(declared *archive.Archive, before *keeper) {
	ctx, cancel := context.WithCancel(context.Background())
	k := newKeeper(a, declared, cancel)
	if s := a.known[declared.Name]; s.Cursor > 0 {
		k.cursor.Store(uint64(s.Cursor))
	} else {
		k.cursor.Store(uint64(k.first())) // what there is now is owed to it
	}
	a.all[declared.Name] = k
	a.running.Go(func() {
		defer close(k.ended)
		if before != nil {
			before.cancel()
			<-before.ended
		}
		k.run(ctx)
	})
}

// save makes how far an archive has got durable, unless another is in its place by now.
func (a *Archiver) save(k *keeper, s saved) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all[k.archive.Name] != k {
		return context.Canceled
	}
	return a.put(k.archive.Name, s)
}

// saved returns how far an archive has got; zero if that is not known.
func (a *Archiver) saved(name string) saved {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[name]
}

// TakeOver makes the router write an archive that another one has written. It reports whether
// there is the archive.
func (a *Archiver) TakeOver(name string) bool {
	k := a.keeper(name)
	if k == nil {
		return false
	}
	k.takeOver.Store(true)
	select {
	case k.again <- struct{}{}:
	default:
	}
	return true
}

// Owed returns the first event before a bound that an archive still has to get, or the bound.
// Archives then hurry up to the bound, as retention wants to drop what lies before.
func (a *Archiver) Owed(bound journal.Seq) journal.Seq {
	least := bound
	for _, k := range a.keepers() {
		least = min(least, k.owed(bound))
	}
	return least
}

func (a *Archiver) keepers() []*keeper {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*keeper, 0, len(a.all))
	for _, name := range slices.Sorted(maps.Keys(a.all)) {
		all = append(all, a.all[name])
	}
	return all
}

// Files returns the files of all archives, by name. It leaves out those whose place can't be
// told.
func (a *Archiver) Files() (all []*segment.Files) {
	for _, k := range a.keepers() {
		if files, err := k.reading(); err == nil {
			all = append(all, files)
		}
	}
	return all
}

// Reader returns a reader of the store and all archives.
func (a *Archiver) Reader() *past.Reader {
	r := past.Of(a.opts.Journal.Events, a.opts.Journal.Seqs)
	r.Archives = func() []*segment.Files { return a.written(a.Files()) }
	r.All = func(detailTypes []string) []*segment.Files { return a.written(a.whole(detailTypes)) }
	r.Ahead = func() journal.Seq { return journal.Seq(a.ahead.Load()) }
	return r
}

// ReaderOf returns a reader of what one archive takes, from its segments and from the store,
// and whether there is the archive.
func (a *Archiver) ReaderOf(name string) (*past.Reader, bool, error) {
	for _, k := range a.keepers() {
		if k.archive.Name != name {
			continue
		}
		files, err := k.reading()
		r := a.Reader()
		r.Archives = func() []*segment.Files { return a.written([]*segment.Files{files}) }
		r.Takes = func(rec *journal.Record) bool { return k.takes(rec, rec.Bus()) }
		return r, true, err
	}
	return nil, false, nil
}

// whole returns the files of the archives that take all events of some detail-types.
func (a *Archiver) whole(detailTypes []string) (all []*segment.Files) {
	for _, k := range a.keepers() {
		if !k.archive.TakesAll(detailTypes) {
			continue
		}
		if files, err := k.reading(); err == nil {
			all = append(all, files)
		}
	}
	return all
}

// written returns those archives that a segment was written to. Others need not be there.
func (a *Archiver) written(all []*segment.Files) []*segment.Files {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(all, func(f *segment.Files) bool { return a.known[f.Name].Written == 0 })
}

// Statuses returns how all archives are, by name.
func (a *Archiver) Statuses() []Status {
	keepers := a.keepers()
	all := make([]Status, len(keepers))
	for i, k := range keepers {
		all[i] = k.view()
	}
	return all
}

// Troubles returns a line for each archive that can't be written for now, without anything that
// is not for everybody.
func (a *Archiver) Troubles() (lines []string) {
	for _, s := range a.Statuses() {
		if s.Failing {
			behind := time.Duration(s.BehindSeconds) * time.Second
			lines = append(lines, fmt.Sprintf("archive %q can't be written and is %s behind; the store keeps what it is owed", s.Name, behind))
		}
	}
	return lines
}

// Stop ends the writing, and returns when it has ended, or ctx has. What was begun and not
// finished is written again after the next start.
func (a *Archiver) Stop(ctx context.Context) error {
	a.mu.Lock()
	a.stopped = true
	a.cancel()
	for _, k := range a.all {
		k.cancel()
	}
	a.mu.Unlock()
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
