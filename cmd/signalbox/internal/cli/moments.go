package cli

import (
	"fmt"
	"time"

	"signalbox/document"
)

// MomentFlag reads a flag that is a moment; an empty one is none.
func MomentFlag(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := moment(text, now)
	if err != nil {
		return at, WrongUsage("--%s %q: write a time such as 2026-01-31T15:04:05Z, a day, or a duration such as 1h", name, text)
	}
	return at, nil
}

// moment reads a time, a day, or how long it is ago.
func moment(text string, now time.Time) (time.Time, error) {
	if ago, err := document.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time nor a duration", text)
}
