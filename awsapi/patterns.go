package awsapi

import (
	"signalbox/event"
	"signalbox/rules/pattern"
)

// parsePattern reads a pattern as EventBridge has them; the error is for the caller.
func parsePattern(text string) (*pattern.Pattern, error) {
	p, err := pattern.Parse([]byte(text), pattern.Options{})
	if err != nil {
		return nil, &event.Error{Code: "InvalidEventPatternException", Message: err.Error()}
	}
	return p, nil
}

func (a *API) testEventPattern(in *struct{ EventPattern, Event string }) (any, error) {
	notValid := invalid("Parameter Event is not valid.")
	if !event.IsRecorded([]byte(in.Event)) {
		return nil, notValid
	}
	p, err := parsePattern(in.EventPattern)
	if err != nil {
		return nil, err
	}
	matched, err := p.Match([]byte(in.Event))
	if err != nil {
		return nil, notValid
	}
	return struct{ Result bool }{matched}, nil
}
