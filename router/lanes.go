package router

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"signalbox/delivery"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/router/pause"
	"signalbox/targets"
)

// Lanes are the queues of all targets, of those that are gone too. They are safe for
// concurrent use, and the dead-letter queue's dlq.Lanes.
type Lanes struct {
	journal *store.Journal
	env     delivery.Env // what every lane takes from the router
	pauses  *pause.Pauses

	// swap is held while other rules are made to serve, and while replays open and close
	// lanes.
	swap *sync.Mutex

	mu     sync.Mutex
	byName map[string]*delivery.Lane
	// rates are those of the lanes of replays.
	rates map[string]targets.Rate
}

// open makes the lanes of all targets that the journal knows. Those of replays are left to
// these.
func (ls *Lanes) open() {
	ls.byName, ls.rates = map[string]*delivery.Lane{}, map[string]targets.Rate{}
	for name, id := range ls.journal.Lanes.All() {
		if !strings.Contains(name, "@") {
			ls.byName[name] = delivery.NewLane(&ls.env, name, id)
		}
	}
}

// openLost opens the lanes of replays whose jobs can't be read: what they have planned is
// delivered all the same.
func (ls *Lanes) openLost() error {
	for name := range ls.journal.Lanes.All() {
		if target, of, ok := strings.Cut(name, "@"); ok && ls.named(name) == nil {
			if _, err := ls.OpenReplay(target, of, targets.Rate{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// of returns the lane of a target, and makes it if the target is new.
func (ls *Lanes) of(target string) (*delivery.Lane, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l, ok := ls.byName[target]; ok {
		return l, nil
	}
	id, err := ls.journal.Lanes.Lane(target)
	if err != nil {
		return nil, err
	}
	l := delivery.NewLane(&ls.env, target, id)
	ls.byName[target] = l
	return l, nil
}

// named returns a target's lane; nil if there is none.
func (ls *Lanes) named(target string) *delivery.Lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byName[target]
}

// serving returns the lane of a target that is defined now; nil if it is not.
func (ls *Lanes) serving(target string) *delivery.Lane {
	if l := ls.named(target); l != nil && l.Defined() {
		return l
	}
	return nil
}

// all returns every lane.
func (ls *Lanes) all() []*delivery.Lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	all := make([]*delivery.Lane, 0, len(ls.byName))
	for _, l := range ls.byName {
		all = append(all, l)
	}
	return all
}

// byID returns a lane by its id; nil if there is none.
func (ls *Lanes) byID(id journal.LaneID) *delivery.Lane {
	for _, l := range ls.all() {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// LaneID returns a target's lane, if the target is defined now.
func (ls *Lanes) LaneID(target string) (journal.LaneID, bool) {
	l := ls.serving(target)
	if l == nil {
		return 0, false
	}
	return l.ID, true
}

// TargetName returns the name of a lane's target, even if it is gone.
func (ls *Lanes) TargetName(id journal.LaneID) string {
	if l := ls.byID(id); l != nil {
		return l.Target
	}
	return fmt.Sprintf("lane-%d", id)
}

// BreakerOpen reports whether the circuit of a target is open or half-open:
// deliveries wait.
func (ls *Lanes) BreakerOpen(target string) bool {
	l := ls.serving(target)
	return l != nil && l.Status().Circuit.Interrupted()
}

// Requeue hands a lane a delivery that has become ready again on disk.
func (ls *Lanes) Requeue(d journal.Delivery) {
	if l := ls.byID(d.Lane); l != nil {
		l.Requeue(d)
	}
}

// Recall takes a redriven delivery that is not under way out of its lane, and puts it
// back.
func (ls *Lanes) Recall(d journal.Delivery) {
	if l := ls.byID(d.Lane); l != nil {
		l.Recall(d)
	}
}

// unblock lets an ordering key continue that a dead letter had stopped.
func (ls *Lanes) unblock(id journal.LaneID, h journal.KeyHash) {
	if l := ls.byID(id); l != nil {
		l.Unblocked(h)
	}
}

// halt keeps every lane from beginning anything more.
func (ls *Lanes) halt() {
	for _, l := range ls.all() {
		l.Halt()
	}
}

// underWay counts the attempts that are being made.
func (ls *Lanes) underWay() (n int) {
	for _, l := range ls.all() {
		n += l.Status().InFlight
	}
	return n
}

// close closes the targets of halted lanes.
func (ls *Lanes) close() error {
	var errs []error
	for _, l := range ls.all() {
		errs = append(errs, l.CloseTarget())
	}
	return errors.Join(errs...)
}

// reopen lets targets that write to files open them again.
func (ls *Lanes) reopen() error {
	var errs []error
	for _, l := range ls.all() {
		t := l.Use()
		if t == nil {
			continue
		}
		if f, ok := t.Target.(targets.Reopener); ok {
			if err := f.Reopen(); err != nil {
				errs = append(errs, fmt.Errorf("target %q: %w", l.Name, err))
			}
		}
		t.Done()
	}
	return errors.Join(errs...)
}
