package targets

import (
	"context"
	"errors"
	"testing"
)

func TestFunc(t *testing.T) {
	known := &Error{Code: CodeThrottling, Tries: 1, Err: errors.New("later")}
	for _, test := range []struct {
		name    string
		deliver func(context.Context, *Delivery) error
		code    string
		final   bool
		saying  string
	}{
		{"success", func(context.Context, *Delivery) error { return nil }, "", false, ""},
		{"its own error", func(context.Context, *Delivery) error { return known }, CodeThrottling, false, "later"},
		{"another error", func(context.Context, *Delivery) error { return errors.New("no") }, CodeErrorFromTarget, false, "function count: no"},
		{"deadline", func(context.Context, *Delivery) error { return context.DeadlineExceeded }, CodeTimeout, false, "function count: context deadline exceeded"},
		{"panic", func(context.Context, *Delivery) error { panic("oh") }, CodeInternalError, true, "function count panicked: oh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := NewFunc("count", test.deliver).Deliver(t.Context(), delivery())
			if test.code == "" {
				if err != nil {
					t.Errorf("error %v, want success", err)
				}
				return
			}
			if e := deliveryError(t, err); e.Code != test.code || e.Final != test.final || e.Error() != test.saying {
				t.Errorf("error %q, code %s, final %t, want %q, %s, %t", e, e.Code, e.Final, test.saying, test.code, test.final)
			}
		})
	}
}
