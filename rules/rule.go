// Package rules turns rule files, which people edit while the router runs, into
// one immutable Set that says which rules an event matches.
package rules

import (
	"fmt"
	"regexp"
	"strings"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/rules/exprenv"
	"signalbox/rules/pattern"
	"signalbox/rules/transform"
	"signalbox/schedule"
	"signalbox/spelling"
	"signalbox/targets"
)

// DefaultBus is the bus that always exists, and that a rule without a bus is on.
const DefaultBus = "default"

// The bounds of a rule's texts, which are those of the EventBridge API.
const (
	maxNameLength        = 64
	maxBusNameLength     = 256
	maxDescriptionLength = 512
)

// nameForm is what PutRule allows in the name of a rule, busNameForm in that of a bus.
var (
	nameForm    = regexp.MustCompile(`^[.\-_A-Za-z0-9]+$`)
	busNameForm = regexp.MustCompile(`^[/.\-_A-Za-z0-9]+$`)
)

// Position is a place in a rule file.
type Position = document.Position

// State is what a rule does with the events that it matches.
type State string

// The states of a rule.
const (
	// Enabled rules send what they match to their targets.
	Enabled State = "enabled"
	// Disabled rules match nothing.
	Disabled State = "disabled"
	// Paused rules match and count, and their deliveries are held back until the
	// rule goes on.
	Paused State = "paused"
	// Shadow rules match and count, and deliver nothing.
	Shadow State = "shadow"
)

// UnmarshalText reads a state, also as EventBridge spells it.
func (s *State) UnmarshalText(text []byte) error {
	switch string(text) {
	case "enabled", "ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS":
		*s = Enabled
	case "disabled", "DISABLED":
		*s = Disabled
	case "paused":
		*s = Paused
	case "shadow":
		*s = Shadow
	default:
		hint := spelling.Suggest(string(text), []string{"enabled", "disabled", "paused", "shadow"})
		return fmt.Errorf("unknown state %q%s; the states are enabled, disabled, paused and shadow", text, hint)
	}
	return nil
}

// Bus is a named stream of events, with rules of its own.
type Bus struct {
	Name        string
	Description string
	// Bubble means that an event on the bus is seen by the rules of the buses above
	// it too; see Set.Above.
	Bubble bool
	// Catalog is how the bus checks events against the catalog on arrival.
	Catalog catalog.Mode
	// PublishDeadLetters puts an event on the bus for each delivery of its rules that goes
	// to the dead-letter queue.
	PublishDeadLetters bool
}

// Rule sends the events of a bus that match a pattern, and then a condition, to
// targets. It is never changed once it is part of a Set.
type Rule struct {
	// Name is unique on its bus.
	Name        string
	Bus         string
	Description string
	State       State
	// Strict means that what is only a warning in other patterns is an error in
	// this one.
	Strict bool
	// StopBubbling means that an event that the rule matches does not continue to the
	// buses above the rule's.
	StopBubbling bool
	// Start is from where on the rule's targets get events; where it is not set, as these
	// say.
	Start targets.Start
	// Schedule is when the rule fires by itself; nil if it does not.
	Schedule *schedule.Schedule
	CatchUp  schedule.CatchUp
	// Pattern is what events must match: Firing if the rule has a schedule and no other.
	Pattern *pattern.Pattern
	// Firing is matched by the events of the rule's schedule, which alone are compared with it;
	// nil if it has none.
	Firing *pattern.Pattern
	// When is the condition that an event must fulfil besides matching the
	// pattern; nil if there is none.
	When *exprenv.Program
	// Kinds are the kinds of message that the rule is for; empty for all.
	Kinds   []event.Kind
	Targets []RuleTarget
	// ARN is the rule's name in AWS's form, arn:aws:events:region:account:rule/name.
	ARN string
	// Pos is where the rule stands.
	Pos Position
}

// RuleTarget is one place that a rule sends to, and in what form.
type RuleTarget struct {
	// ID is unique in its rule.
	ID string
	// Target is a key of the Set's Targets. ARN is how the rule names it, empty where that is by
	// this name.
	Target, ARN string
	// DeadLetter is a key of the Set's Targets too: what gets dead letters of the entry beside the
	// dead-letter queue; empty for none. DeadLetterARN is how the rule names it, empty where that is by this
	// name.
	DeadLetter, DeadLetterARN string
	// Spec is the transform as it was written; Transform is the same compiled, nil
	// if the event is to be sent as it is.
	Spec      transform.Spec
	Transform *transform.Transform
	// Carry is what the target asked for in place of the event: one of the Carry
	// constants of package targets, empty for the event itself.
	Carry string
	// Retry replaces the target's retry; nil if the rule does not say otherwise.
	Retry *targets.Retry
	// HTTPParameters are what the entry adds to the requests of an http target as they were written, Parameters the same
	// compiled, which other targets ignore; nil for none.
	HTTPParameters *HTTPParameters
	Parameters     *targets.Parameters
	// Reply replaces the target's reply; empty if the rule does not say otherwise.
	Reply string
	// Emits are the types of the events that these deliveries lead to: the entry's
	// own, else the target's.
	Emits []string
	Pos   Position
}

// checkBusName returns what is wrong with the name of a bus; empty if nothing is. Those of
// partners contain slashes.
func checkBusName(name string) string {
	if len(name) > maxBusNameLength {
		return fmt.Sprintf("is %d characters long; at most %d are allowed", len(name), maxBusNameLength)
	}
	if !busNameForm.MatchString(name) {
		return fmt.Sprintf("is %q; letters, digits and the characters . - _ / are allowed", name)
	}
	return ""
}

// checkName returns what is wrong with the name of a rule or a target; empty if nothing is.
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxNameLength:
		return fmt.Sprintf("is %d characters long; at most %d are allowed", len(name), maxNameLength)
	case !nameForm.MatchString(name):
		return fmt.Sprintf("is %q; letters, digits and the characters . - _ are allowed", name)
	}
	return ""
}

// RuleARN returns the name of a rule in AWS's form. The bus is part of it only where it is not the default one, as
// EventBridge does.
func RuleARN(region, account, bus, name string) string {
	parts := []string{"arn:aws:events:" + region + ":" + account + ":rule"}
	if bus != DefaultBus {
		parts = append(parts, bus)
	}
	return strings.Join(append(parts, name), "/")
}
