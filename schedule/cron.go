package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is a cron expression of EventBridge: six fields, the days as a set of conditions.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
type cron struct {
	minutes, hours, months, years numbers
	// days are met by one of these conditions.
	days []func(day) bool
}

// numbers is a set of numbers from 0 on.
type numbers []bool

func (n numbers) has(i int) bool { return i < len(n) && n[i] }

// day is what conditions on days look at.
type day struct {
	number, last int // of the month
	weekday      int // 1 is Sunday
}

// field is one of the six.
type field struct {
	name     string
	min, max int
	// names stand for the numbers from min on.
	names []string
}

var (
	minuteField  = &field{name: "minutes", max: 59}
	hourField    = &field{name: "hours", max: 23}
	dayField     = &field{name: "day-of-month", min: 1, max: 31}
	monthField   = &field{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdayField = &field{name: "day-of-week", min: 1, max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT")}
	yearField    = &field{name: "year", min: 1970, max: 2199}
)

func parseCron(text string) (*cron, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, fmt.Errorf("cron(%s) has %d fields and must have six: minutes hours day-of-month month day-of-week year", text, len(fields))
	}
	c := &cron{}
	for _, f := range []struct {
		*field
		text string
		to   *numbers
	}{
		{minuteField, fields[0], &c.minutes}, {hourField, fields[1], &c.hours}, {monthField, fields[3], &c.months}, {yearField, fields[5], &c.years},
	} {
		n, err := f.numbers(f.text)
		if err != nil {
			return nil, err
		}
		*f.to = n
	}
	monthDays, weekdays := fields[2], fields[4]
	var err error
	switch {
	case (monthDays == "?") == (weekdays == "?"):
		return nil, fmt.Errorf("one of day-of-month and day-of-week must be ?, and the other one not: they are %s and %s", monthDays, weekdays)
	case weekdays == "?":
		c.days, err = conditions(monthDays, dayField, onMonthDay)
	default:
		c.days, err = conditions(weekdays, weekdayField, onWeekday)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// wrong returns the error of a field.
func (f *field) wrong(text, how string) error {
	return fmt.Errorf("%s: %q %s", f.name, text, how)
}

// number reads a number, or a name that stands for one.
func (f *field) number(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || strings.ContainsAny(text, "+-") || n < f.min || n > f.max {
		how := fmt.Sprintf("is not a number from %d to %d", f.min, f.max)
		if f.names != nil {
			how += ", or a name such as " + f.names[1]
		}
		return 0, f.wrong(text, how)
	}
	return n, nil
}

// numbers reads a list of numbers, ranges and steps.
func (f *field) numbers(text string) (numbers, error) {
	set := make(numbers, f.max+1)
	for item := range strings.SplitSeq(text, ",") {
		if err := f.add(set, item); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// add adds one item of a list: *, 5, 1-5, 0/15, */15 or 10-40/15. A range that ends before it
// begins, such as the hours 20-2 and the days FRI-MON, goes on from the least number.
func (f *field) add(set numbers, item string) error {
	span, step, stepped := strings.Cut(item, "/")
	by := 1
	if stepped {
		var err error
		if by, err = strconv.Atoi(step); err != nil || by < 1 || by > f.max || strings.HasPrefix(step, "+") {
			return f.wrong(item, fmt.Sprintf("has no step from 1 to %d behind the /", f.max))
		}
	}
	from, to, ranged := strings.Cut(span, "-")
	low, high := f.min, f.max
	if span != "*" {
		var err error
		if low, err = f.number(from); err != nil {
			return err
		}
		switch {
		case ranged:
			if high, err = f.number(to); err != nil {
				return err
			}
			if high < low && f == yearField {
				return f.wrong(item, "ends before it begins")
			}
		case !stepped:
			high = low
		}
	}
	count := f.max - f.min + 1
	for i := 0; i <= (high-low+count)%count; i += by {
		set[f.min+(low-f.min+i)%count] = true
	}
	return nil
}

// conditions reads a field of days. Special returns the condition of an item that is more than
// numbers, and nil for any other.
func conditions(text string, f *field, special func(item string) (func(day) bool, error)) ([]func(day) bool, error) {
	set := make(numbers, f.max+1)
	all := []func(day) bool{func(d day) bool {
		if f == weekdayField {
			return set.has(d.weekday)
		}
		return set.has(d.number)
	}}
	if strings.Contains(text, "#") && strings.Contains(text, ",") {
		return nil, f.wrong(text, "has a # in a list: write a rule for each")
	}
	for item := range strings.SplitSeq(text, ",") {
		is, err := special(strings.ToUpper(item))
		if is == nil && err == nil {
			err = f.add(set, item)
		}
		if err != nil {
			return nil, err
		}
		if is != nil {
			all = append(all, is)
		}
	}
	return all, nil
}

// onMonthDay reads L, the last day of a month, L-3, three days before it, and 15W, the working
// day that is nearest to the 15th within its month.
func onMonthDay(item string) (func(day) bool, error) {
	if before, ok := strings.CutPrefix(item, "L-"); ok {
		n, err := dayField.number(before)
		if err != nil || n > 30 {
			return nil, dayField.wrong(item, "must have a number from 1 to 30 behind L-")
		}
		return func(d day) bool { return d.number == d.last-n }, nil
	}
	switch near, ok := strings.CutSuffix(item, "W"); {
	case item == "L":
		return func(d day) bool { return d.number == d.last }, nil
	case near == "L":
		return func(d day) bool { return d.number == d.workdayNear(d.last) }, nil
	case ok:
		n, err := dayField.number(near)
		if err != nil {
			return nil, err
		}
		return func(d day) bool { return n <= d.last && d.number == d.workdayNear(n) }, nil
	}
	return nil, nil
}

// workdayNear returns the day from Monday to Friday that is nearest to another in its month.
func (d day) workdayNear(n int) int {
	switch (d.weekday-1+n-d.number+35)%7 + 1 {
	case 7: // Saturday
		if n == 1 {
			return 3
		}
		return n - 1
	case 1: // Sunday
		if n == d.last {
			return n - 2
		}
		return n + 1
	}
	return n
}

// onWeekday reads L, which is Saturday, 6L, the last Friday of a month, and 6#3, its third.
func onWeekday(item string) (func(day) bool, error) {
	if name, nth, ok := strings.Cut(item, "#"); ok {
		weekday, err := weekdayField.number(name)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > 5 || len(nth) != 1 {
			return nil, weekdayField.wrong(item, "must have a number from 1 to 5 behind the #")
		}
		return func(d day) bool { return d.weekday == weekday && (d.number-1)/7 == n-1 }, nil
	}
	if name, ok := strings.CutSuffix(item, "L"); ok && name != "" {
		weekday, err := weekdayField.number(name)
		if err != nil {
			return nil, err
		}
		return func(d day) bool { return d.weekday == weekday && d.number > d.last-7 }, nil
	}
	if item == "L" {
		return func(d day) bool { return d.weekday == 7 }, nil
	}
	return nil, nil
}

// next returns the first minute after another that fits, both as clocks show them, in UTC.
func (c *cron) next(after time.Time) (time.Time, bool) {
	at := after.Add(time.Minute)
	hour, minute := at.Hour(), at.Minute()
	for at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC); at.Year() <= yearField.max; hour, minute = 0, 0 {
		switch {
		case !c.years.has(at.Year()):
			at = time.Date(at.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case !c.months.has(int(at.Month())):
			at = time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		}
		if c.on(at) {
			for ; hour < 24; hour, minute = hour+1, 0 {
				for ; c.hours.has(hour) && minute < 60; minute++ {
					if c.minutes.has(minute) {
						return at.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute), true
					}
				}
			}
		}
		at = at.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}

// on reports whether a day fits.
func (c *cron) on(at time.Time) bool {
	d := day{number: at.Day(), last: at.AddDate(0, 1, -at.Day()).Day(), weekday: int(at.Weekday()) + 1}
	return slices.ContainsFunc(c.days, func(is func(day) bool) bool { return is(d) })
}
