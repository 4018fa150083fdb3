// Package pause keeps the pauses of rules and of targets, on disk, and lets what they
// suspend continue when they end.
package pause

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
)

// Options are what pauses take from the program around them. All are required.
type Options struct {
	Journal *store.Journal
	Log     *zap.Logger
	// Lanes returns every lane, LaneOf the one with an id, or nil.
	Lanes func() []*delivery.Lane
	// Replays returns those that replays have beside the lanes of targets.
	Replays func() []*delivery.Lane
	LaneOf  func(journal.LaneID) *delivery.Lane
	// Serving returns the rules that serve now, and the lanes of their targets.
	Serving func() (*rules.Set, map[string]*delivery.Lane)
	// Lock is held while other rules are made to serve.
	Lock *sync.Mutex
	// Running reports whether deliveries may begin, Stopping whether no more should.
	Running, Stopping func() bool
	// Stop is closed by a stop. Go runs a function that a stop waits for.
	Stop <-chan struct{}
	Go   func(func())
}

// Pauses are those of all rules, targets and sources. They are safe for concurrent use.
type Pauses struct {
	opts Options
	// known and releasing are used under the lock. releaseMu is held while suspended
	// deliveries are let go.
	known     map[key]journal.Pause
	releasing map[key]bool
	releaseMu sync.Mutex
	// holds is where deliveries are suspended now; nil where none are.
	holds   atomic.Pointer[Holds]
	targets targets
}

// New returns the pauses that the journal knows. They take effect with Apply.
func New(o Options) (*Pauses, error) {
	all, err := o.Journal.Pauses.All()
	if err != nil {
		return nil, err
	}
	p := &Pauses{opts: o, known: map[key]journal.Pause{}, releasing: map[key]bool{}}
	for _, known := range all {
		p.known[key{known.Kind, known.Bus, known.Name}] = known
	}
	return p, nil
}

// key names a target, a rule or a source.
type key struct {
	kind      journal.PauseKind
	bus, name string
}

func (k key) String() string {
	switch k.kind {
	case journal.PauseRule:
		return fmt.Sprintf("rule %q on bus %q", k.name, k.bus)
	case journal.PauseSource:
		return fmt.Sprintf("source %q", k.name)
	}
	return fmt.Sprintf("target %q", k.name)
}

func targetKey(name string) key { return key{kind: journal.PauseTarget, name: name} }

func ruleKey(bus, name string) key { return key{kind: journal.PauseRule, bus: bus, name: name} }

// Unknown is the error of a target, a rule or a source that does not exist.
type Unknown struct{ What string }

// Error names what does not exist.
func (u *Unknown) Error() string { return "no " + u.What }

// ByFile is the error of a command that can't resume what a file pauses.
type ByFile struct{ What, Fix string }

// Error returns where the pause is to be ended.
func (b *ByFile) Error() string { return b.What + " is paused by its file: " + b.Fix }

func byFile(k key) error {
	fix := "remove paused: true there"
	if k.kind == journal.PauseRule {
		fix = "write state: enabled there"
	}
	return &ByFile{k.String(), fix}
}

// PauseTarget keeps a target's deliveries from being attempted until it is resumed,
// through restarts. The error is an *Unknown where there is no such target, or
// delivery.ErrStopping.
func (p *Pauses) PauseTarget(name string) error {
	return p.command(targetKey(name), func(to *journal.Pause) { to.Command, to.Draining = true, false })
}

// ResumeTarget lets a target's deliveries continue, and makes what waits for a later
// attempt due now. The error is a *ByFile where its file has paused it.
func (p *Pauses) ResumeTarget(name string) error {
	return p.command(targetKey(name), func(to *journal.Pause) { to.Command, to.Draining = false, false })
}

// DrainTarget delivers what is pending for a target, suspends what is planned from now
// on, and then pauses the target. It does not wait for that.
func (p *Pauses) DrainTarget(name string) error {
	return p.command(targetKey(name), func(to *journal.Pause) { to.Command, to.Draining = false, true })
}

// PauseRule suspends the deliveries of a rule, which continues to match, until it is
// resumed, through restarts.
func (p *Pauses) PauseRule(bus, name string) error {
	return p.command(ruleKey(bus, name), func(to *journal.Pause) { to.Command = true })
}

// ResumeRule lets a rule's deliveries continue, the oldest first.
func (p *Pauses) ResumeRule(bus, name string) error {
	return p.command(ruleKey(bus, name), func(to *journal.Pause) { to.Command = false })
}

// command changes a pause as somebody has asked.
func (p *Pauses) command(k key, change func(*journal.Pause)) error {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	if p.opts.Stopping() {
		return delivery.ErrStopping
	}
	known, paused := p.known[k]
	next := known
	change(&next)
	if !p.serves(k) && (!paused || next.Command || next.Draining) {
		return &Unknown{k.String()}
	}
	if known.File && !next.Command {
		if p.serves(k) {
			return byFile(k)
		}
		if err := p.alter(k, func(to *journal.Pause) { to.File = false }); err != nil {
			return err // the file that paused it does not say so any more
		}
	}
	if err := p.alter(k, change); err != nil {
		return err
	}
	p.changed()
	return nil
}

// serves reports whether the rules that serve now have a target or a rule.
func (p *Pauses) serves(k key) bool {
	set, _ := p.opts.Serving()
	switch k.kind {
	case journal.PauseRule:
		return set.Rule(k.bus, k.name) != nil
	case journal.PauseSource:
		return set.Sources[k.name] != nil
	}
	_, ok := set.Targets[k.name]
	return ok
}

// TakeFiles notes what the files of a set pause, under the lock. A rule that was paused
// by a file and is disabled now, or gone, stays paused: what it suspended is not to be
// sent.
func (p *Pauses) TakeFiles(set *rules.Set) error {
	for name, cfg := range set.Targets {
		if err := p.alter(targetKey(name), func(to *journal.Pause) { to.File = cfg.Paused }); err != nil {
			return err
		}
	}
	for name, source := range set.Sources {
		if err := p.alter(sourceKey(name), func(to *journal.Pause) { to.File = source.Paused }); err != nil {
			return err
		}
	}
	for _, rule := range set.Rules {
		if rule.State == rules.Disabled {
			continue
		}
		if err := p.alter(ruleKey(rule.Bus, rule.Name), func(to *journal.Pause) { to.File = rule.State == rules.Paused }); err != nil {
			return err
		}
	}
	return nil
}

// alter changes a pause, on disk first. It is called under the lock.
func (p *Pauses) alter(k key, change func(*journal.Pause)) error {
	was := p.known[k]
	was.Kind, was.Bus, was.Name = k.kind, k.bus, k.name
	next := was
	change(&next)
	if next == was {
		return nil
	}
	now := time.Now().UTC()
	switch {
	case next.Paused() && !was.Paused():
		next.Since = now
	case !next.Paused() && was.Paused():
		next.Resumed = now
	}
	if suspends(&next) {
		next.Releasing = false
		if next.Hold == 0 {
			next.Hold = p.newHold()
		}
	} else if suspends(&was) {
		next.Releasing = true
	}
	if err := p.opts.Journal.Pauses.Put(next); err != nil {
		return err
	}
	p.known[k] = next
	return nil
}

// suspends reports whether a pause suspends deliveries that would else be ready: a
// target that is paused keeps them in its lane.
func suspends(p *journal.Pause) bool {
	if p.Kind == journal.PauseRule {
		return p.Paused()
	}
	return p.Draining
}

func (p *Pauses) newHold() journal.HoldID {
	id := journal.HoldID(1)
	for _, known := range p.known {
		id = max(id, known.Hold+1)
	}
	return id
}

// Apply makes what is known of pauses take effect on what is planned and attempted from
// now on, with the set and the lanes of its targets that are about to serve. It is
// called under the lock, and before they serve: who plans with them must find it.
func (p *Pauses) Apply(set *rules.Set, lanes map[string]*delivery.Lane) {
	p.setBarriers(set)
	p.holds.Store(p.holdsNow())
	for name, l := range lanes {
		known := p.known[targetKey(name)]
		if before, now := p.targets.set(name, view(&known)); now != nil && before == nil {
			p.opts.Log.Info("target paused: deliveries wait", zap.String("target", name), zap.Strings("by", now.By))
		} else if before != nil && now == nil {
			p.opts.Log.Info("target resumed", zap.String("target", name))
		}
		l.SetPause(known.Paused(), known.Draining, known.Resumed)
	}
	for _, l := range p.opts.Replays() {
		p.ApplyTo(l)
	}
}

// ApplyTo makes the pause of its target take effect on the lane of a replay. It is called
// under the lock.
func (p *Pauses) ApplyTo(l *delivery.Lane) {
	known := p.known[targetKey(l.Target)]
	l.SetPause(known.Paused() || known.Draining, false, known.Resumed)
}

// changed makes what has changed take effect on what serves. It is called under the
// lock.
func (p *Pauses) changed() {
	p.Apply(p.opts.Serving())
	p.Release()
}

// Drained pauses a target whose backlog has been delivered.
func (p *Pauses) Drained(l *delivery.Lane) {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	k := targetKey(l.Name)
	if known := p.known[k]; !known.Draining || p.opts.Stopping() {
		return
	}
	if err := p.alter(k, func(to *journal.Pause) { to.Draining, to.Command = false, true }); err != nil {
		p.opts.Log.Error("target is drained, and can't be paused", zap.String("target", l.Name), zap.Error(err))
		return
	}
	p.opts.Log.Info("target is drained", zap.String("target", l.Name))
	p.changed()
}

// OfTarget returns how a target is paused; nil where it is not.
func (p *Pauses) OfTarget(name string) *Pause { return p.targets.of(name) }

// Rules returns the rules that are paused or being resumed, by bus and name.
func (p *Pauses) Rules() []Rule {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	all := []Rule{}
	for k, known := range p.known {
		if k.kind != journal.PauseRule || !suspends(&known) && !known.Releasing {
			continue
		}
		shown := Rule{Bus: k.bus, Name: k.name, State: "paused", Pause: view(&known), Held: p.opts.Journal.Counters.HeldBy(known.Hold), Gone: !p.serves(k)}
		if known.Releasing {
			shown.State = "resuming"
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.Bus+"\x00"+a.Name, b.Bus+"\x00"+b.Name) })
	return all
}
