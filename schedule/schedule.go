// Package schedule tells when rules with a schedule fire, and fires them: in the language of
// EventBridge's ScheduleExpression, rate(5 minutes) and cron(0 8 ? * MON-FRI *).
package schedule

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Schedule is when a rule fires. It is immutable.
type Schedule struct {
	text string
	zone *time.Location
	// every is the period of a rate; cron is nil for one.
	every time.Duration
	cron  *cron
}

// maxText is how long an expression may be, as in PutRule.
const maxText = 256

// rateForm is a rate. The unit's number agrees with the value, as EventBridge wants it.
var rateForm = regexp.MustCompile(`^rate\((?:(1) (minute|hour|day)|([2-9]|[1-9][0-9]+) (minute|hour|day)s)\)$`)

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// maxDays is the longest rate, in days: what a time.Duration can hold.
const maxDays = 106_000

// Parse reads an expression. Zone is the IANA time zone of a cron expression, UTC where it is
// empty. Errors say what is wrong and how to fix it.
func Parse(text, zone string) (*Schedule, error) {
	s := &Schedule{text: text, zone: time.UTC}
	inner, isCron := strings.CutPrefix(text, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	var err error
	switch {
	case len(text) > maxText:
		return nil, fmt.Errorf("is %d bytes long; at most %d are allowed", len(text), maxText)
	case isCron && closed:
		if s.zone, err = parseZone(zone); err != nil {
			return nil, err
		}
		s.cron, err = parseCron(inner)
	case zone != "":
		return nil, errors.New("a rate has no time zone: leave timezone out, or write cron(…)")
	default:
		s.every, err = parseRate(text)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func parseRate(text string) (time.Duration, error) {
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%.80q is no schedule: write rate(1 minute), rate(5 minutes), rate(2 hours), rate(1 day), "+
			"or cron(minutes hours day-of-month month day-of-week year), such as cron(0 8 ? * MON-FRI *)", text)
	}
	unit := units[m[2]+m[4]]
	n, err := strconv.Atoi(m[1] + m[3])
	if err != nil || n > int(maxDays*24*time.Hour/unit) {
		return 0, fmt.Errorf("%s is too long: at most %d days are allowed", text, maxDays)
	}
	return time.Duration(n) * unit, nil
}

func parseZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New(`the time zone "Local" is another one on each machine: write one such as "Europe/Berlin"`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone %.80q: write an IANA name, such as \"Europe/Berlin\"", name)
	}
	return zone, nil
}

// String returns the expression as it was written.
func (s *Schedule) String() string { return s.text }

// Zone returns the name of the time zone.
func (s *Schedule) Zone() string { return s.zone.String() }

// Next returns the first time after another at which the schedule fires, always a whole minute,
// and false where there is none any more.
//
// A rate fires at the multiples of its period, counted from midnight UTC of a Monday, so that
// restarts and reloads don't shift it. A local time that the change to summer time leaves out
// does not fire; one that is there twice when it ends fires once, as EventBridge Scheduler has it.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	if s.cron == nil {
		return after.UTC().Truncate(s.every).Add(s.every), true
	}
	local := after.In(s.zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
	for {
		next, ok := s.cron.next(wall)
		if !ok {
			return time.Time{}, false
		}
		wall = next
		at := first(next, s.zone)
		if at.After(after) && shows(at, next) {
			return at.UTC(), true
		}
	}
}

// shows reports whether clocks of at's zone show what wall does in UTC, which none does that the
// zone leaves out.
func shows(at, wall time.Time) bool {
	return at.Day() == wall.Day() && at.Hour() == wall.Hour() && at.Minute() == wall.Minute()
}

// first returns the first moment at which clocks of a zone show what wall does in UTC.
func first(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	_, offset := at.Zone()
	_, before := at.Add(-24 * time.Hour).Zone()
	if earlier := at.Add(time.Duration(offset-before) * time.Second); earlier.Before(at) && shows(earlier, wall) {
		return earlier
	}
	return at
}
