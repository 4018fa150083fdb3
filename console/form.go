package console

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"signalbox/api"
	"signalbox/document"
)

func badField(name, text, fix string) *api.Error {
	return &api.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("%s %q: %s", name, text, fix)}
}

// whole reads a number of a form; an empty field is 0.
func whole(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badField(name, text, "write a whole number")
	}
	return n, nil
}

// perSecond reads a rate; an empty field is 0.
func perSecond(name, text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
		return 0, badField(name, text, "write how many a second, such as 20")
	}
	return rate, nil
}

// timeOf reads a time, or a duration back from now such as 15m or 7d.
func timeOf(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := document.ParseDuration(text); err == nil {
		return now.Add(-back), nil
	}
	for _, form := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, &api.Error{Status: http.StatusBadRequest, Message: name + " " + text + ": write a time such as 2026-01-31T15:04:05Z, a day, or a duration back from now such as 1h"}
}
