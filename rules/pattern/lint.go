package pattern

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Warning is something in a pattern that is legal but probably not what was
// meant.
type Warning struct {
	// Code names the kind of warning; see the constants.
	Code WarningCode `json:"code"`
	// Path is the dotted path of the field, empty for the whole pattern.
	Path string `json:"path"`
	// Offset is the byte offset in the pattern's source.
	Offset  int    `json:"offset"`
	Message string `json:"message"`
}

// WarningCode names a kind of warning.
type WarningCode string

// The kinds of warnings. The first four are errors where Options.Strict is set.
const (
	// WarnDuplicateKey: an object of the pattern has a key twice.
	WarnDuplicateKey WarningCode = "duplicate-key"
	// WarnDuplicatePath: a field has two conditions, and the last wins.
	WarnDuplicatePath WarningCode = "duplicate-path"
	// WarnDottedKey: a key with dots also stands for nested fields.
	WarnDottedKey WarningCode = "dotted-key"
	// WarnDeadLeaf: a test has no effect, as another lets all of its values pass.
	WarnDeadLeaf WarningCode = "dead-leaf"
	// WarnExistsObject: exists looks for values, and the field is an object.
	WarnExistsObject WarningCode = "exists-object"
	// WarnNeverMatches: no event can meet the condition.
	WarnNeverMatches WarningCode = "never-matches"
	// WarnUnknownField: no event has the field.
	WarnUnknownField WarningCode = "unknown-field"
	// WarnReference: ${} is not replaced in patterns.
	WarnReference WarningCode = "reference"
	// WarnWildcards: EventBridge refuses the wildcards of a field as too complex.
	WarnWildcards WarningCode = "wildcards"
	// WarnCost: the pattern is dear.
	WarnCost WarningCode = "cost"
)

// checkTests looks for tests of one condition that have no effect, as another one
// of it passes all values that they pass.
func (p *parser) checkTests(c *condition) {
	const most = 64 // beyond, comparing each with each takes too long
	if len(c.tests) > most {
		return
	}
	for i := range c.tests {
		for j := range c.tests {
			if i == j || !c.tests[j].covers(&c.tests[i]) || i < j && c.tests[i].covers(&c.tests[j]) {
				continue // of two that are the same, the second is dead
			}
			p.warn(Warning{Code: WarnDeadLeaf, Path: c.path, Offset: int(c.tests[i].offset),
				Message: fmt.Sprintf("%s has no effect beside %s", &c.tests[i], &c.tests[j])})
			break
		}
	}
}

// Lint lists what is doubtful in the pattern, in the order of its source.
func (p *Pattern) Lint() []Warning {
	list := slices.Clone(p.warnings)
	for _, conj := range p.conjs {
		for i := range conj {
			list = append(list, lintCondition(&conj[i], conj)...)
			list = append(list, lintTests(&conj[i])...)
		}
	}
	if cost := p.Cost(); cost >= HighCost {
		list = append(list, Warning{Code: WarnCost, Message: fmt.Sprintf("the pattern costs up to %d steps an event", cost)})
	}
	slices.SortStableFunc(list, func(a, b Warning) int { return cmp.Compare(a.Offset, b.Offset) })
	return slices.Compact(list) // combinations share conditions
}

// Text is a text that a pattern names as it stands, and where it stands in the source.
type Text struct {
	Text   string
	Offset int
}

// Texts returns the texts that the pattern names for a field, in all of its combinations.
func (p *Pattern) Texts(path string) (texts []Text) {
	for _, conj := range p.conjs {
		for _, c := range conj {
			if c.path != path {
				continue
			}
			for _, t := range c.tests {
				if v := (Text{t.text, int(t.offset)}); (t.op == opString || t.op == opEqualsFold) && !slices.Contains(texts, v) {
					texts = append(texts, v)
				}
			}
		}
	}
	return texts
}

// lintCondition compares one condition with the envelope and the others.
func lintCondition(c *condition, conj conjunction) []Warning {
	warning := func(code WarningCode, format string, args ...any) []Warning {
		return []Warning{{Code: code, Path: c.path, Offset: c.offset, Message: fmt.Sprintf(format, args...)}}
	}
	exists := slices.ContainsFunc(c.tests, func(t test) bool { return t.op == opPresent || t.op == opAbsent })
	below := slices.ContainsFunc(conj, func(other condition) bool { return isBelow(other.path, c.path) })
	top, _, nested := strings.Cut(c.path, ".")
	switch {
	case !slices.Contains(envelopeFields, top):
		hint := didYouMean(top, envelopeFields)
		if hint == "" {
			hint = "fields of your own are below detail"
		}
		return warning(WarnUnknownField, "no event has a field %q at its top: %s", top, hint)
	case exists && (below || c.path == "detail"):
		return warning(WarnExistsObject, "exists looks for a value, and %s is an object: name a field inside of it", c.path)
	case c.path == "detail":
		return warning(WarnNeverMatches, "detail is always an object: name a field inside of it")
	case below && !c.acceptsAbsence():
		return warning(WarnNeverMatches, "%s must be a value, and fields inside of it are asked for as well: only an array can have both", c.path)
	case !slices.Contains(envelopeStrings, top):
		return nil
	case nested && !c.acceptsAbsence():
		return warning(WarnNeverMatches, "%s of an envelope is a string, without fields inside", top)
	case !nested && !slices.ContainsFunc(c.tests, func(t test) bool { return t.acceptsStrings() }):
		return warning(WarnNeverMatches, "%s of an envelope is always a string: put the value in quotes", top)
	}
	return nil
}

// isBelow reports whether a path leads into what another leads to.
func isBelow(path, top string) bool {
	return len(path) > len(top) && path[len(top)] == '.' && path[:len(top)] == top
}

// lintTests looks for values that mean something else than they seem to, and for
// wildcards that EventBridge does not take.
func lintTests(c *condition) (list []Warning) {
	for i := range c.tests {
		if found := reference(&c.tests[i]); found != "" {
			list = append(list, Warning{Code: WarnReference, Path: c.path, Offset: int(c.tests[i].offset),
				Message: found + " is text here, as patterns hold no references: write the value itself"})
		}
	}
	if c.tooComplex() {
		list = append(list, Warning{Code: WarnWildcards, Path: c.path, Offset: c.offset,
			Message: "EventBridge refuses these wildcards as too complex: use fewer *, or repeat less after one, or split the rule"})
	}
	return list
}

// referenceForm is how a configuration refers to a secret or a variable.
var referenceForm = regexp.MustCompile(`\$\{[^{}]+\}`)

// reference returns the first ${} in the texts of a test.
func reference(t *test) string {
	if strings.Contains(t.text, "${") { // the expression alone is dear
		if found := referenceForm.FindString(t.text); found != "" {
			return found
		}
	}
	if t.more == nil {
		return ""
	}
	for i := range t.more.tests {
		if found := reference(&t.more.tests[i]); found != "" {
			return found
		}
	}
	return ""
}

// envelopeFields are the fields that an envelope can have.
var envelopeFields = append([]string{"resources", "detail", "replay-name"}, envelopeStrings...)

// envelopeStrings are the fields of the envelope that are strings and always there.
var envelopeStrings = []string{"version", "id", "detail-type", "source", "account", "time", "region"}

// acceptsStrings reports whether any string can pass the test.
func (t *test) acceptsStrings() bool {
	switch t.op {
	case opNumber, opNumberText, opRange, opTrue, opFalse, opNull, opAbsent:
		return false
	case opAllOf:
		return !slices.ContainsFunc(t.more.tests, func(of test) bool { return !of.acceptsStrings() })
	}
	return true
}
