package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"signalbox/journal"
)

// functions are what templates call.
var functions = template.FuncMap{
	"asset": asset, "link": link, "number": number[uint64], "count": number[int], "clock": clock, "moment": moment, "ago": ago, "span": span,
	"milliseconds": func(ms float64) string { return span(time.Duration(ms * float64(time.Millisecond))) },
	"tone":         tone, "stateText": stateText, "jsonLines": func(raw json.RawMessage) []jsonLine { return jsonLines(raw, nil) },
	"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"text":    func(v any) string { return fmt.Sprint(v) },
	"rate":    rate, "percent": percent, "add": func(a, b int) int { return a + b }, "navigation": func() []entry { return navigation },
	"bytes": bytesText, "float": func(n int64) float64 { return float64(n) }, "seconds": func(s float64) string { return span(time.Duration(s * float64(time.Second))) },
	"bodyLines": func(body string) []jsonLine { return jsonLines([]byte(body), nil) }, "letterType": letterType, "groupLink": groupLink, "ruleLink": ruleLink,
	"short": func(raw json.RawMessage) string { return cut(string(readable(raw)), 160) },
	"list":  func(items ...any) []any { return items },
}

// number returns a count with its thousands parted.
func number[T uint64 | int](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, parts...), ",")
}

// rate returns a number for each second, as exact as it is of use.
func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 0.1:
		return fmt.Sprintf("%.2f", perSecond)
	case perSecond < 10:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return number(uint64(math.Round(perSecond)))
}

// bytesText returns a number of bytes in the unit that fits.
func bytesText(n float64) string {
	unit := 0
	for n >= 1024 && unit < 4 {
		n, unit = n/1024, unit+1
	}
	return rate(n) + " " + []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}

// percent returns a part of a whole as a number to 100.
func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// clock returns a time of day in UTC, with the day where that is not today.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05.000")
	}
	return t.Format("01-02 15:04:05")
}

// moment returns a time in UTC; a dash for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// ago returns how long a time lies back, or ahead.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "–"
	case d < 0:
		return "in " + coarse(-d)
	default:
		return coarse(d) + " ago"
	}
}

// coarse returns a duration in its largest unit.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// span returns a duration with three digits.
func span(d time.Duration) string {
	digits := func(v float64, unit string) string {
		switch {
		case v < 10:
			return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.2f", v), "0"), ".0") + " " + unit
		case v < 100:
			return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + unit
		}
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	switch {
	case d <= 0:
		return "0 ms"
	case d < time.Second:
		return digits(d.Seconds()*1000, "ms")
	case d < 2*time.Minute:
		return digits(d.Seconds(), "s")
	case d < 2*time.Hour:
		return digits(d.Minutes(), "min")
	case d < 48*time.Hour:
		return digits(d.Hours(), "h")
	}
	return digits(d.Hours()/24, "days")
}

// tones are the colours of states; what has none is neutral.
var tones = map[string]string{
	"delivered": "good", "ok": "good", "finished": "good", "enabled": "good", "done": "good", "closed": "good", "running": "busy",
	"dead": "bad", "open": "bad", "failing": "bad", "failed": "bad", "stopped": "bad", "refused": "bad", "gone": "bad",
	"waiting": "late", "half-open": "late", "parked": "late", "held": "late", "paused": "late", "draining": "late", "pending": "late", "begun": "late",
	"ready": "busy", "shadow": "busy", "resuming": "busy",
}

// tone returns the colour of a state, which its text says too.
func tone(state any) string {
	if t, ok := tones[fmt.Sprint(state)]; ok {
		return t
	}
	return "calm"
}

// stateText returns how a delivery stands, in the words of the commands.
func stateText(state journal.TouchState) string {
	if state == journal.TouchHeld {
		return "suspended"
	}
	return string(state)
}
