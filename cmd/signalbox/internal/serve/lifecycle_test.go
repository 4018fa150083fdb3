package serve

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestLifecycleStopsTheLastFirstAndGoesOn(t *testing.T) {
	var order []string
	var life lifecycle
	broken := errors.New("broken")
	for _, name := range []string{"one", "two", "three"} {
		life.onStop(name, func(context.Context) error {
			order = append(order, name)
			if name == "two" {
				return broken
			}
			return nil
		})
	}
	err := life.stop(t.Context())
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "stop two: ") {
		t.Errorf("got error %v, want that of step two", err)
	}
	if got := strings.Join(order, " "); got != "three two one" {
		t.Errorf("stopped %s, want three two one", got)
	}
	if err := life.stop(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("the second stop: %v, %v", err, order)
	}
}
