package ruletest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/transform"
	"signalbox/spelling"
)

// Options say how tests are run.
type Options struct {
	// Run selects the tests whose name it matches; nil selects all.
	Run *regexp.Regexp
	// Account and Region fill in what events do not say.
	Account, Region string
}

// Result is how one test ended.
type Result struct {
	File string
	Name string
	Pos  document.Position
	// Failures say what was not as expected; none means that the test passed.
	Failures []Failure
	Took     time.Duration
}

// Passed reports whether all was as expected.
func (r *Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is one thing that was not as expected.
type Failure struct {
	// Pos is where the test says it.
	Pos document.Position
	// Text is what is wrong, over several lines where it shows a difference.
	Text string
}

// The event of a test gets these where it does not say otherwise, so that what
// it renders to is the same each time.
const defaultID = "00000000-0000-4000-8000-000000000000"

var defaultTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Run runs the tests of files on a set, in their order. The error says that a
// file names a rule file that the set was not read from.
func Run(set *rules.Set, files []*File, opts Options) ([]Result, error) {
	var problems document.Problems
	var results []Result
	for _, f := range files {
		only, err := f.underTest(set)
		if err != nil {
			problems.AddError(f.Path, err)
			continue
		}
		for _, t := range f.Tests {
			if opts.Run != nil && !opts.Run.MatchString(t.Name) {
				continue
			}
			results = append(results, t.run(set, f, only, opts))
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return results, nil
}

// underTest returns the rule files that the tests are about; nil means all.
func (f *File) underTest(set *rules.Set) (map[string]bool, error) {
	if len(f.Rules) == 0 {
		return nil, nil
	}
	loaded := map[string]string{} // absolute to as the set has it
	for _, l := range set.Files {
		loaded[absolute(l.Path)] = l.Path
	}
	only := map[string]bool{}
	for _, path := range f.Rules {
		name, ok := loaded[absolute(path)]
		if !ok {
			return nil, fmt.Errorf("rules: %s is none of the rule files that were loaded; name it under rules: in the configuration", path)
		}
		only[name] = true
	}
	return only, nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// delivery is one body on its way to one target.
type delivery struct {
	rule, id, target string
	body             []byte
	err              error
}

func (d *delivery) String() string { return d.rule + "/" + d.target }

// outcome is what became of a test's event.
type outcome struct {
	set      *rules.Set
	bus      string
	envelope []byte
	matched  []string
	// elsewhere are rules that match, of files that are not under test.
	elsewhere  []string
	deliveries []delivery
	failures   []Failure
}

func (t *Test) run(set *rules.Set, f *File, only map[string]bool, opts Options) Result {
	started := time.Now()
	o := t.route(set, only, opts)
	t.checkRules(o)
	t.checkTargets(o)
	t.checkBodies(o)
	return Result{File: f.Path, Name: t.Name, Pos: t.Pos, Failures: o.failures, Took: time.Since(started)}
}

func (o *outcome) fail(pos document.Position, format string, args ...any) {
	o.failures = append(o.failures, Failure{Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// route matches the event and renders its deliveries. A condition or a
// transform that fails is a failure of the test, whatever it expects.
func (t *Test) route(set *rules.Set, only map[string]bool, opts Options) *outcome {
	o := &outcome{set: set}
	given := t.event
	if t.webhook != nil {
		var failure *Failure
		if given, failure = t.webhook.event(set); failure != nil {
			o.failures = append(o.failures, *failure)
			return o
		}
	}
	ev := new(*given)
	ev.Complete(event.Defaults{ID: defaultID, Account: opts.Account, Region: opts.Region, Bus: rules.DefaultBus, Time: defaultTime})
	o.bus = ev.Meta.Bus
	if _, ok := set.Buses[o.bus]; !ok {
		o.fail(t.Pos, "no bus %q", o.bus)
		return o
	}
	set.Catalog.SetKind(ev)
	o.envelope = ev.AppendEnvelope(nil)
	for _, m := range set.Match(ev, o.envelope, nil) {
		if only != nil && !only[m.Rule.Pos.File] {
			o.elsewhere = append(o.elsewhere, m.Rule.Name)
			continue
		}
		if m.Err != nil {
			o.fail(t.Pos, "rule %s does not match, because its condition failed: %s", m.Rule.Name, m.Err)
			continue
		}
		o.matched = append(o.matched, m.Rule.Name)
		if m.Rule.State != rules.Shadow {
			o.deliver(t, m.Rule, ev)
		}
	}
	return o
}

func (o *outcome) deliver(t *Test, rule *rules.Rule, ev *event.Event) {
	for _, rt := range rule.Targets {
		d := delivery{rule: rule.Name, id: rt.ID, target: rt.Target, body: o.envelope}
		if rt.Transform != nil {
			d.body, d.err = rt.Transform.Apply(transform.Input{
				Envelope: o.envelope,
				Event:    ev,
				RuleName: rule.Name,
				RuleARN:  rule.ARN,
				Ingested: ev.Meta.Received,
			})
		}
		if d.err != nil {
			o.fail(t.Pos, "%s would go to the dead-letter queue: %s", &d, d.err)
		}
		o.deliveries = append(o.deliveries, d)
	}
}

func (t *Test) checkRules(o *outcome) {
	if t.expect.rules == nil {
		return
	}
	missing, extra := compare(*t.expect.rules, o.matched)
	for _, name := range missing {
		rule := o.set.Rule(o.bus, name)
		if rule == nil {
			o.fail(t.expect.rulesPos, "no rule %q on bus %q%s", name, o.bus, spelling.Suggest(name, o.ruleNames()))
			continue
		}
		o.fail(t.expect.rulesPos, "rule %s does not match, and should: %s", name, o.why(rule))
	}
	for _, name := range extra {
		o.fail(t.expect.rulesPos, "rule %s matches, and should not", name)
	}
}

// why returns what keeps a rule from matching, a line for each reason.
func (o *outcome) why(rule *rules.Rule) string {
	switch {
	case slices.Contains(o.matched, rule.Name):
		return "it is listed more than once"
	case rule.State == rules.Disabled:
		return "it is disabled"
	}
	explained, err := rule.Pattern.Explain(o.envelope)
	switch {
	case err != nil:
		return err.Error()
	case !explained.Matched:
		lines := make([]string, len(explained.Failures))
		for i, f := range explained.Failures {
			lines[i] = f.String()
		}
		return strings.Join(lines, "\n")
	case slices.Contains(o.elsewhere, rule.Name):
		return "it matches, and stands in a file that this test is not about"
	}
	return "the pattern matches, and the condition does not hold: " + rule.When.Source()
}

func (o *outcome) ruleNames() []string {
	var names []string
	for _, r := range o.set.On(o.bus) {
		names = append(names, r.Name)
	}
	return names
}

func (t *Test) checkTargets(o *outcome) {
	if t.expect.targets == nil {
		return
	}
	var got []string
	for i := range o.deliveries {
		got = append(got, o.deliveries[i].target)
	}
	missing, extra := compare(*t.expect.targets, got)
	for _, name := range missing {
		if _, ok := o.set.Targets[name]; !ok {
			o.fail(t.expect.targetsPos, "no target %q", name)
			continue
		}
		o.fail(t.expect.targetsPos, "target %s does not get the event, and should", name)
	}
	for _, name := range extra {
		o.fail(t.expect.targetsPos, "target %s gets the event%s, and should not", name, o.senders(name))
	}
}

// senders names the rules that send to a target.
func (o *outcome) senders(target string) string {
	var names []string
	for i := range o.deliveries {
		if o.deliveries[i].target == target {
			names = append(names, o.deliveries[i].rule)
		}
	}
	return " from " + strings.Join(names, " and ")
}

func (t *Test) checkBodies(o *outcome) {
	for _, want := range t.expect.bodies {
		found := o.find(want.key)
		switch {
		case len(found) == 0:
			o.fail(want.pos, "nothing is sent to %s%s", want.key, o.sent())
		case len(found) > 1:
			o.fail(want.pos, "%d deliveries go to %s: write which as %s or %s", len(found), want.key, found[0], found[1])
		case found[0].err == nil:
			if text := difference(want.node, found[0].body); text != "" {
				o.fail(want.pos, "the body for %s is not as expected:\n%s", want.key, text)
			}
		}
	}
}

// find returns the deliveries that a key of bodies names: a target, or a rule and
// the target or its id as rule/target.
func (o *outcome) find(key string) []*delivery {
	var found []*delivery
	for i := range o.deliveries {
		d := &o.deliveries[i]
		if key == d.target || key == d.rule+"/"+d.target || key == d.rule+"/"+d.id {
			found = append(found, d)
		}
	}
	return found
}

func (o *outcome) sent() string {
	if len(o.deliveries) == 0 {
		return "; nothing is sent at all"
	}
	var names []string
	for i := range o.deliveries {
		names = append(names, o.deliveries[i].String())
	}
	return "; there are " + strings.Join(names, ", ")
}

// compare returns what only one of two lists has, repeats counted.
func compare(want, got []string) (missing, extra []string) {
	extra = slices.Clone(got)
	for _, name := range want {
		if i := slices.Index(extra, name); i >= 0 {
			extra = slices.Delete(extra, i, i+1)
			continue
		}
		missing = append(missing, name)
	}
	return missing, extra
}
