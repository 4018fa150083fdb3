package router

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/journal"
	"signalbox/rules"
)

// pauseKey names a target or a rule.
type pauseKey struct {
	kind      journal.PauseKind
	bus, name string
}

func (k pauseKey) String() string {
	if k.kind == journal.PauseRule {
		return fmt.Sprintf("rule %q on bus %q", k.name, k.bus)
	}
	return fmt.Sprintf("target %q", k.name)
}

func targetPause(name string) pauseKey { return pauseKey{kind: journal.PauseTarget, name: name} }

func rulePause(bus, name string) pauseKey {
	return pauseKey{kind: journal.PauseRule, bus: bus, name: name}
}

// Unknown says that there is no such target or rule.
type Unknown struct{ What string }

// Error says what there is not.
func (u *Unknown) Error() string { return "no " + u.What }

// PausedByFile says that a command can't resume what a file pauses.
type PausedByFile struct{ What, Mend string }

// Error says where the pause is to be ended.
func (p *PausedByFile) Error() string { return p.What + " is paused by its file: " + p.Mend }

// Pause is how a target or a rule is paused.
type Pause struct {
	// By names who has paused it: "command", "file", or both.
	By []string `json:"by"`
	// Since is when the pause began.
	Since time.Time `json:"since"`
}

func viewPause(p *journal.Pause) *Pause {
	if !p.Paused() {
		return nil
	}
	shown := &Pause{Since: p.Since}
	if p.Command {
		shown.By = append(shown.By, "command")
	}
	if p.File {
		shown.By = append(shown.By, "file")
	}
	return shown
}

// PauseTarget keeps a target's deliveries from being attempted until it is
// resumed, through restarts. The error is an *Unknown where there is no such
// target.
func (r *Router) PauseTarget(name string) error {
	return r.command(targetPause(name), func(p *journal.Pause) { p.Command, p.Draining = true, false })
}

// ResumeTarget lets a target's deliveries go on. The error is a *PausedByFile
// where its file has paused it.
func (r *Router) ResumeTarget(name string) error {
	return r.command(targetPause(name), func(p *journal.Pause) { p.Command, p.Draining = false, false })
}

// DrainTarget delivers what is pending for a target, holds back what is planned
// from now on, and then pauses it. It does not wait for that.
func (r *Router) DrainTarget(name string) error {
	return r.command(targetPause(name), func(p *journal.Pause) { p.Command, p.Draining = false, true })
}

// PauseRule holds back the deliveries of a rule, which goes on to match, until it
// is resumed, through restarts.
func (r *Router) PauseRule(bus, name string) error {
	return r.command(rulePause(bus, name), func(p *journal.Pause) { p.Command = true })
}

// ResumeRule lets a rule's deliveries go on, the oldest first.
func (r *Router) ResumeRule(bus, name string) error {
	return r.command(rulePause(bus, name), func(p *journal.Pause) { p.Command = false })
}

// command changes a pause as somebody has asked.
func (r *Router) command(k pauseKey, change func(*journal.Pause)) error {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	if r.gate.closed.Load() {
		return ErrStopping
	}
	known, paused := r.pauses[k]
	next := known
	change(&next)
	if !r.serves(k) && (!paused || next.Command || next.Draining) {
		return &Unknown{k.String()}
	}
	if known.File && !next.Command {
		if r.serves(k) {
			return byFile(k)
		}
		if err := r.alter(k, func(p *journal.Pause) { p.File = false }); err != nil {
			return err // the file that paused it does not say so any more
		}
	}
	if err := r.alter(k, change); err != nil {
		return err
	}
	r.pausesChanged()
	return nil
}

func byFile(k pauseKey) error {
	mend := "remove paused: true there"
	if k.kind == journal.PauseRule {
		mend = "write state: enabled there"
	}
	return &PausedByFile{k.String(), mend}
}

// serves says whether the rules that serve now have a target or a rule.
func (r *Router) serves(k pauseKey) bool {
	set := r.snapshot.Load().set
	if k.kind == journal.PauseRule {
		return set.Rule(k.bus, k.name) != nil
	}
	_, ok := set.Targets[k.name]
	return ok
}

// loadPauses reads what the journal knows of pauses.
func (r *Router) loadPauses() error {
	all, err := r.journal.Pauses()
	if err != nil {
		return err
	}
	r.pauses, r.releasing = map[pauseKey]journal.Pause{}, map[pauseKey]bool{}
	for _, p := range all {
		r.pauses[pauseKey{p.Kind, p.Bus, p.Name}] = p
	}
	return nil
}

// filePauses notes what the files of a set pause. A rule that was paused by a file
// and is disabled now, or gone, stays paused: what it held is not to be sent.
func (r *Router) filePauses(set *rules.Set) error {
	for name, cfg := range set.Targets {
		if err := r.alter(targetPause(name), func(p *journal.Pause) { p.File = cfg.Paused }); err != nil {
			return err
		}
	}
	for _, rule := range set.Rules {
		if rule.State == rules.Disabled {
			continue
		}
		if err := r.alter(rulePause(rule.Bus, rule.Name), func(p *journal.Pause) { p.File = rule.State == rules.Paused }); err != nil {
			return err
		}
	}
	return nil
}

// alter changes a pause, on disk first. It is called under swapMu.
func (r *Router) alter(k pauseKey, change func(*journal.Pause)) error {
	was := r.pauses[k]
	was.Kind, was.Bus, was.Name = k.kind, k.bus, k.name
	p := was
	change(&p)
	if p == was {
		return nil
	}
	now := time.Now().UTC()
	switch {
	case p.Paused() && !was.Paused():
		p.Since = now
	case !p.Paused() && was.Paused():
		p.Resumed = now
	}
	if holding(&p) {
		p.Releasing = false
		if p.Hold == 0 {
			p.Hold = r.newHold()
		}
	} else if holding(&was) {
		p.Releasing = true
	}
	if err := r.journal.PutPause(p); err != nil {
		return err
	}
	r.pauses[k] = p
	return nil
}

// holding says whether a pause holds deliveries back that would else be ready: a
// target that is paused keeps them in its lane.
func holding(p *journal.Pause) bool {
	if p.Kind == journal.PauseRule {
		return p.Paused()
	}
	return p.Draining
}

func (r *Router) newHold() journal.HoldID {
	id := journal.HoldID(1)
	for _, p := range r.pauses {
		id = max(id, p.Hold+1)
	}
	return id
}

// holds is where the deliveries that are planned now are held back.
type holds struct {
	rules   map[pauseKey]journal.HoldID
	targets map[string]journal.HoldID
	// paused are those of both that are not being let go: lanes hold back what the
	// rules among them have planned before.
	paused map[pauseKey]journal.HoldID
}

// holdsNow gives nil where nothing is to be held back.
func (r *Router) holdsNow() *holds {
	h := &holds{rules: map[pauseKey]journal.HoldID{}, targets: map[string]journal.HoldID{}, paused: map[pauseKey]journal.HoldID{}}
	for k, p := range r.pauses {
		switch {
		case !holding(&p) && !p.Releasing:
			continue
		case k.kind == journal.PauseRule:
			h.rules[k] = p.Hold
		default:
			h.targets[k.name] = p.Hold
		}
		if holding(&p) {
			h.paused[k] = p.Hold
		}
	}
	if len(h.rules) == 0 && len(h.targets) == 0 {
		return nil
	}
	return h
}

// of gives where a delivery is held back; 0 if it is not.
func (h *holds) of(bus, rule, target string) journal.HoldID {
	if h == nil {
		return 0
	}
	if id := h.rules[rulePause(bus, rule)]; id != 0 {
		return id
	}
	return h.targets[target]
}

// pausedRule returns where the deliveries that a paused rule had planned are
// suspended; 0 if it is not paused.
func (h *holds) pausedRule(bus, rule string) journal.HoldID {
	if h == nil {
		return 0
	}
	return h.paused[rulePause(bus, rule)]
}

func (h *holds) has(id journal.HoldID) bool {
	if h == nil {
		return false
	}
	for _, k := range h.rules {
		if k == id {
			return true
		}
	}
	for _, k := range h.targets {
		if k == id {
			return true
		}
	}
	return false
}

// pausesChanged makes what is known of pauses take effect. It is called under
// swapMu.
func (r *Router) pausesChanged() {
	next := *r.snapshot.Load()
	next.suspend(r.holdsNow())
	r.setBarriers(next.set)
	r.snapshot.Store(&next)
	r.tellLanes(next.lanes)
	r.startReleases()
}

func (r *Router) tellLanes(lanes map[string]*delivery.Lane) {
	for name, l := range lanes {
		p := r.pauses[targetPause(name)]
		if before, now := r.targetPauses.set(name, viewPause(&p)); now != nil && before == nil {
			r.log.Info("target paused: deliveries wait", zap.String("target", name), zap.Strings("by", now.By))
		} else if before != nil && now == nil {
			r.log.Info("target resumed", zap.String("target", name))
		}
		l.SetPause(p.Paused(), p.Draining, p.Resumed)
	}
}

// targetPauses are how targets are paused, for those who show it.
type targetPauses struct {
	mu sync.Mutex
	by map[string]*Pause
}

// of returns how a target is paused; nil where it is not.
func (t *targetPauses) of(target string) *Pause {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[target]
}

func (t *targetPauses) set(target string, p *Pause) (before, now *Pause) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.by[target]
	if p == nil {
		delete(t.by, target)
		return before, nil
	}
	if t.by == nil {
		t.by = map[string]*Pause{}
	}
	t.by[target] = p
	return before, p
}

// drained pauses a target whose backlog has been delivered.
func (r *Router) drained(l *delivery.Lane) {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	k := targetPause(l.Name)
	if p := r.pauses[k]; !p.Draining || r.gate.closed.Load() {
		return
	}
	if err := r.alter(k, func(p *journal.Pause) { p.Draining, p.Command = false, true }); err != nil {
		r.log.Error("target is drained, and can't be paused", zap.String("target", l.Name), zap.Error(err))
		return
	}
	r.log.Info("target is drained", zap.String("target", l.Name))
	r.pausesChanged()
}

// RulePause is how a rule is paused, or is being resumed.
type RulePause struct {
	Bus  string `json:"bus"`
	Name string `json:"name"`
	// State is "paused", or "resuming" while held deliveries are let go.
	State string `json:"state"`
	*Pause
	// Held is how many deliveries are held back.
	Held uint64 `json:"held"`
	// Gone says that the rule is not there any more; it can still be resumed.
	Gone bool `json:"gone,omitempty"`
}

// RulePauses gives the rules that are paused or being resumed, by bus and name.
func (r *Router) RulePauses() []RulePause {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	all := []RulePause{}
	for k, p := range r.pauses {
		if k.kind != journal.PauseRule || !holding(&p) && !p.Releasing {
			continue
		}
		shown := RulePause{Bus: k.bus, Name: k.name, State: "paused", Pause: viewPause(&p), Held: r.journal.HeldBy(p.Hold), Gone: !r.serves(k)}
		if p.Releasing {
			shown.State = "resuming"
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b RulePause) int { return strings.Compare(a.Bus+"\x00"+a.Name, b.Bus+"\x00"+b.Name) })
	return all
}
