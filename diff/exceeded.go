package diff

import (
	"fmt"
	"time"

	"signalbox/document"
)

// Exceeded is the error of rules that would change too much.
type Exceeded struct {
	Result *Result
	Max    document.Percent
}

// Check returns an *Exceeded if more than a part of the deliveries changed.
func (r *Result) Check(most document.Percent) error {
	if r.Change <= float64(most) {
		return nil
	}
	return &Exceeded{r, most}
}

// Error returns how much would change, and of how many events.
func (e *Exceeded) Error() string {
	r := e.Result
	return fmt.Sprintf("the new rules would change %s of the deliveries, and the most is %s: of %s since %s, %s",
		r.Part(), e.Max, count(r.Events, "event"), r.Since.Format(time.RFC3339), r.Counts)
}

// Lines returns what changes by rule and target, a line each, up to a number of them.
func (r *Result) Lines(most int) (lines []string) {
	for i, g := range r.Changes {
		if i == most {
			return append(lines, fmt.Sprintf("and %d more", len(r.Changes)+r.Omitted-most))
		}
		lines = append(lines, fmt.Sprintf("rule %q on bus %s to %s: %s", g.Rule, g.Bus, g.Target, g.Counts))
	}
	return lines
}

// Part returns Change for people.
func (r *Result) Part() string {
	if r.Change > 0 && r.Change < 0.01 {
		return "less than 0.01%"
	}
	return fmt.Sprintf("%.3g%%", r.Change)
}

// String returns the counts in a line: 3 gained, 0 lost, 1 changed.
func (c Counts) String() string {
	text := fmt.Sprintf("%d gained, %d lost, %d changed", c.Gained, c.Lost, c.Changed)
	if c.Moved > 0 {
		text += fmt.Sprintf(", %d moved", c.Moved)
	}
	return text
}
