package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/rules/pattern"
	"signalbox/targets"
	"signalbox/targets/fn"
)

// Handler takes one event. An error is retried as for any other target, and at
// last takes the event to the dead-letter queue; a targets.Error says more. It
// may be called more than once for an event, and at the same time for several.
type Handler func(ctx context.Context, e *event.Event) error

// subscription is a rule, and the target that calls its handler.
type subscription struct {
	rule *rules.Rule
	cfg  targets.Config
}

// Subscribe calls the handler for the events on the default bus that match a
// pattern, which is JSON in EventBridge's language, from now on and until
// unsubscribe is called. The name is that of the rule and of the target, and
// must not be one of the rule files'.
//
// The subscription has a lane like any target: its deliveries are on disk,
// retried, and end in the dead-letter queue. After unsubscribe, and after a
// restart, those that are pending go to the dead-letter queue, from where they
// can be redriven, as soon as the router finds that nobody is subscribed under
// the name: subscribe before Start to continue with them.
func (r *Router) Subscribe(name, patternJSON string, handler Handler) (unsubscribe func() error, err error) {
	p, err := pattern.Parse([]byte(patternJSON), pattern.Options{})
	if err != nil {
		return nil, fmt.Errorf("subscription %q: pattern: %w", name, err)
	}
	s := &subscription{cfg: targets.Config{Name: name, Type: fn.Type, Kind: fn.Kind(), Options: &fn.Options{Deliver: handler.deliver}}}
	s.cfg.SetDefaults()
	s.rule = &rules.Rule{
		Name: name, Bus: rules.DefaultBus, State: rules.Enabled, Pattern: p, ARN: rules.RuleARN(r.opts.Region, r.opts.Account, rules.DefaultBus, name),
		Targets: []rules.RuleTarget{{ID: name, Target: name}},
	}
	if err := r.change(func(all map[string]*subscription) error {
		if _, ok := all[name]; ok {
			return errors.New("there is one of that name")
		}
		all[name] = s
		return nil
	}); err != nil {
		return nil, fmt.Errorf("subscription %q: %w", name, err)
	}
	return func() error {
		return r.change(func(all map[string]*subscription) error {
			if all[name] == s {
				delete(all, name)
			}
			return nil
		})
	}, nil
}

// change makes another set of subscriptions the one that serves.
func (r *Router) change(f func(map[string]*subscription) error) error {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	next := maps.Clone(r.subscribed)
	if next == nil {
		next = map[string]*subscription{}
	}
	if err := f(next); err != nil {
		return err
	}
	before := r.subscribed
	r.subscribed = next
	err := r.swap(r.files)
	if err != nil {
		r.subscribed = before
	}
	return err
}

// withSubscriptions returns the set of the files with the rules of subscriptions.
func (r *Router) withSubscriptions(set *rules.Set) (*rules.Set, error) {
	if len(r.subscribed) == 0 {
		return set, nil
	}
	var more []*rules.Rule
	cfgs := map[string]targets.Config{}
	for _, name := range slices.Sorted(maps.Keys(r.subscribed)) {
		s := r.subscribed[name]
		more = append(more, s.rule)
		cfgs[name] = s.cfg
	}
	return set.With(more, cfgs)
}

// newTarget makes a target of the files, or of a subscription.
func (r *Router) newTarget(cfg targets.Config) (targets.Target, error) {
	if cfg.Type == fn.Type || cfg.Type == typeSource {
		return targets.New(cfg, r.targetEnv())
	}
	return r.opts.NewTarget(cfg, r.targetEnv())
}

// deliver calls the handler with the event of a delivery.
func (h Handler) deliver(ctx context.Context, d *targets.Delivery) error {
	e, err := d.Event()
	if err != nil {
		return err
	}
	return h(ctx, e)
}

// Embedded is a router in a program of its own, with its journal.
type Embedded struct {
	*Router
	journal *store.Journal
}

// Embed opens a router without rule files, whose journal is in dir, or in memory
// where dir is empty. Subscribe, then Start it, and Close it at the end;
// opts.Journal is not looked at.
func Embed(dir string, opts Options) (*Embedded, error) {
	var disk *store.Disk
	if dir == "" {
		dir, disk = "data", store.InMemory()
	}
	set, err := rules.Load(rules.Source{})
	if err != nil {
		return nil, err
	}
	if opts.Journal, err = store.Open(dir, store.Options{Disk: disk, Logger: opts.Logger}); err != nil {
		return nil, err
	}
	r, err := New(opts, set)
	if err != nil {
		return nil, errors.Join(err, opts.Journal.Close())
	}
	return &Embedded{r, opts.Journal}, nil
}

// Handle takes events in: it returns when they and their deliveries are stored.
// The error joins those of the events that were refused.
func (e *Embedded) Handle(ctx context.Context, events ...*event.Event) error {
	refused, err := e.Accept(ctx, events)
	return errors.Join(append(refused, err)...)
}

// Close stops the router as Stop does, and closes the journal.
func (e *Embedded) Close(ctx context.Context) error {
	return errors.Join(e.Stop(ctx), e.journal.Close())
}
