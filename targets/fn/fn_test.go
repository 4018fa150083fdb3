package fn

import (
	"context"
	"errors"
	"testing"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

func TestFunc(t *testing.T) {
	known := &targets.Error{Code: targets.CodeThrottling, Tries: 1, Err: errors.New("later")}
	for _, test := range []struct {
		name    string
		deliver func(context.Context, *targets.Delivery) error
		code    string
		final   bool
		saying  string
	}{
		{"success", func(context.Context, *targets.Delivery) error { return nil }, "", false, ""},
		{"its own error", func(context.Context, *targets.Delivery) error { return known }, targets.CodeThrottling, false, "later"},
		{"another error", func(context.Context, *targets.Delivery) error { return errors.New("no") }, targets.CodeErrorFromTarget, false, "function count: no"},
		{"deadline", func(context.Context, *targets.Delivery) error { return context.DeadlineExceeded }, targets.CodeTimeout, false, "function count: context deadline exceeded"},
		{"panic", func(context.Context, *targets.Delivery) error { panic("oh") }, targets.CodeInternalError, true, "function count panicked: oh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := New("count", test.deliver).Deliver(t.Context(), targetstest.Delivery())
			if test.code == "" {
				if err != nil {
					t.Errorf("error %v, want success", err)
				}
				return
			}
			if e := targetstest.Error(t, err); e.Code != test.code || e.Final != test.final || e.Error() != test.saying {
				t.Errorf("error %q, code %s, final %t, want %q, %s, %t", e, e.Code, e.Final, test.saying, test.code, test.final)
			}
		})
	}
}
