package api

import (
	"context"
	"errors"
	"testing"

	"signalbox/trace"
)

func TestTracesWaitForTheirTurn(t *testing.T) {
	turns := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := inTurn(ctx, turns, func() (*trace.Trace, error) {
		cancel()
		return inTurn(ctx, turns, func() (*trace.Trace, error) { return nil, errors.New("two at a time") })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := inTurn(t.Context(), turns, func() (*trace.Trace, error) { return nil, nil }); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
