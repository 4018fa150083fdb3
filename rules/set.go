package rules

import (
	"fmt"

	"signalbox/archive"
	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/hooks"
	"signalbox/rules/exprenv"
	"signalbox/sources"
	"signalbox/targets"
)

// Set is everything that decides where an event goes, as it was at one moment.
// It is immutable and safe for concurrent use.
type Set struct {
	// Revision is a hash of all that the files say: two sets of equal content
	// have the same one, wherever and in whatever order the rules stand.
	Revision string
	// Rules are sorted by bus and name, disabled ones included.
	Rules []*Rule
	// Targets are all that rules can name, after defaults.
	Targets map[string]targets.Config
	// Orders holds the compiled order_by of the targets that have one.
	Orders map[string]*exprenv.OrderKey
	// Buses always holds DefaultBus.
	Buses map[string]Bus
	// Hooks are the ways in for webhooks, by name.
	Hooks map[string]*hooks.Hook
	// Sources are where messages of brokers come from, by name.
	Sources map[string]*sources.Source
	// Connections are logins that targets share, by name.
	Connections map[string]*Connection
	// Archives are where events are kept for longer than in the store, by name.
	Archives map[string]*archive.Archive
	// Catalog is the declared types of messages; never nil in a Set that was loaded.
	Catalog *catalog.Catalog
	// Files are the rule files that were read.
	Files []File
	// Warnings are what is allowed in the files but looks like a mistake.
	Warnings []*document.Problem

	origins []*origin // what it was built of, the files first
	// kept are the rules of documents for the next Set, as long as the circumstances are the
	// same.
	kept          map[string]*kept
	circumstances string

	matchers map[string]*matcher
	doubts   document.Problems // the warnings that all rules together show
	// above holds, for each bus that bubbles, the buses above it.
	above map[string][]string
}

// File is one rule file that a Set was read from, and how much it contributed.
type File struct {
	Path                                                         string
	Rules, Targets, Buses, Hooks, Connections, Sources, Archives int
	attached                                                     int // lists of targets for rules of other files
}

// Matched is a rule whose pattern an event matches.
type Matched struct {
	Rule *Rule
	// Err is set if the rule's condition failed on this event: the rule then does
	// not match, and nothing may be sent on its behalf.
	Err error
}

// Match appends to dst the rules that match the event, bus by bus from its own
// upwards where it bubbles, and on each bus sorted by name: enabled and shadow ones, which Rule.State tells apart, and those whose
// condition failed, which have Err set. The envelope is the event in its
// canonical form. On a bus that does not exist nothing matches.
func (s *Set) Match(ev *event.Event, envelope []byte, dst []Matched) []Matched {
	cond := conditions{event: ev, catalog: s.Catalog}
	bus := busOf(ev)
	dst = s.matchers[bus].match(envelope, &cond, dst)
	if len(s.above) == 0 {
		return dst
	}
	return s.bubble(bus, envelope, &cond, dst)
}

func busOf(ev *event.Event) string {
	if ev.Meta.Bus == "" {
		return DefaultBus
	}
	return ev.Meta.Bus
}

// conditions evaluates the conditions of several rules on one event. Decoding
// the event for them costs more than matching it, so that is done once, and
// only when a rule asks.
type conditions struct {
	event   *event.Event
	catalog *catalog.Catalog
	env     *exprenv.Env
	err     error
}

func (c *conditions) hold(when *exprenv.Program) (bool, error) {
	if c.env == nil && c.err == nil {
		c.env, c.err = exprenv.New(c.event)
	}
	if c.err != nil {
		return false, fmt.Errorf("when: %w", c.err)
	}
	holds, err := when.RunBool(c.env)
	if err != nil {
		return false, fmt.Errorf("when: %w", err)
	}
	return holds, nil
}

// Same reports whether nothing would change if another Set served: the files say the
// same, and the secrets that they refer to are the same.
func (s *Set) Same(other *Set) bool {
	if s.Revision != other.Revision {
		return false
	}
	for name, target := range s.Targets {
		if target.Resolved != other.Targets[name].Resolved {
			return false
		}
	}
	for name, hook := range s.Hooks {
		if hook.Resolved != other.Hooks[name].Resolved {
			return false
		}
	}
	for name, a := range s.Archives {
		if a.Resolved != other.Archives[name].Resolved {
			return false
		}
	}
	for name, source := range s.Sources {
		if source.Resolved != other.Sources[name].Resolved {
			return false
		}
	}
	return true
}

// Rule finds a rule by its bus and name; nil if there is none.
func (s *Set) Rule(bus, name string) *Rule {
	for _, r := range s.Rules {
		if r.Name == name && r.Bus == bus {
			return r
		}
	}
	return nil
}

// On returns the rules of one bus, sorted by name.
func (s *Set) On(bus string) []*Rule {
	var rules []*Rule
	for _, r := range s.Rules {
		if r.Bus == bus {
			rules = append(rules, r)
		}
	}
	return rules
}

// ReplyEvents reports whether the answers to an entry's deliveries carry events.
func (s *Set) ReplyEvents(t *RuleTarget) bool {
	reply := t.Reply
	if reply == "" {
		reply = s.Targets[t.Target].Reply
	}
	return reply == targets.ReplyEvents
}
