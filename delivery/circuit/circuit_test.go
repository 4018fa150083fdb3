package circuit

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"signalbox/targets"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func answered(status int, code string) *targets.Error {
	return &targets.Error{Status: status, Code: code, Err: errors.New("answered")}
}

func TestACircuitOpensIsProbedAndCloses(t *testing.T) {
	c := New(targets.Breaker{Failures: 3, OpenFor: 10 * time.Second, Probes: 2})
	down := answered(503, "ERROR_FROM_TARGET")
	for i := range 3 {
		if c.Workers(8) != 8 {
			t.Fatalf("after %d failures %d of 8 workers may run", i, c.Workers(8))
		}
		if opened, _ := c.Judge(start, down, "down", time.Minute); opened != (i == 2) {
			t.Fatalf("failure %d: opened %t", i+1, opened)
		}
	}
	if c.state != Open || c.Workers(8) != 0 || !c.since.Equal(start) {
		t.Fatalf("got %+v", c)
	}
	if c.Answered() {
		t.Error("the late answer to an attempt from before closes it")
	}
	c.Tick(start.Add(9 * time.Second))
	if c.state != Open {
		t.Error("probed too early")
	}
	c.Tick(start.Add(10 * time.Second))
	if c.state != HalfOpen || c.Workers(8) != 2 {
		t.Fatalf("when it is to be probed: %+v", c)
	}
	if opened, _ := c.Judge(start.Add(11*time.Second), down, "down again", time.Minute); opened {
		t.Error("a failed probe is told as another opening")
	}
	if v := c.View(); v.State != Open || !v.Since.Equal(start) || !v.ProbeAt.Equal(start.Add(21*time.Second)) || v.Reason != "down again" {
		t.Errorf("shown as %+v", v)
	}
	c.ProbeNow(start.Add(12 * time.Second))
	c.Tick(start.Add(12 * time.Second))
	if !c.Answered() || c.state != Closed || c.failures != 0 {
		t.Errorf("after a probe that succeeded: %+v", c)
	}
}

func TestWhatTellsOfATargetThatIsDown(t *testing.T) {
	for name, test := range map[string]struct {
		failure        *targets.Error
		counts, closes bool
	}{
		"no connection":          {answered(0, "SDK_CLIENT_ERROR"), true, false},
		"a server's error":       {answered(500, "ERROR_FROM_TARGET"), true, false},
		"too many requests":      {answered(429, "THROTTLED"), true, false},
		"a timeout as 408":       {answered(408, "ERROR_FROM_TARGET"), true, false},
		"a refusal":              {answered(422, "INVALID_PARAMETER"), false, true},
		"a final server error":   {&targets.Error{Status: 501, Final: true, Err: errors.New("no")}, false, true},
		"what can't be sent":     {&targets.Error{Final: true, Err: errors.New("a header can't be sent")}, false, false},
		"a conflict to be tried": {answered(409, "CONFLICT"), false, true},
	} {
		c := New(targets.Breaker{Failures: 1, OpenFor: time.Second})
		if opened, _ := c.Judge(start, test.failure, name, time.Minute); opened != test.counts {
			t.Errorf("%s: opened %t, want %t", name, opened, test.counts)
		}
		c = New(targets.Breaker{Failures: 1, OpenFor: time.Second})
		c.state = HalfOpen
		if _, closed := c.Judge(start, test.failure, name, time.Minute); closed != test.closes {
			t.Errorf("%s: closed a half-open circuit: %t, want %t", name, closed, test.closes)
		}
	}
}

func TestATargetMayAskForNoAttempts(t *testing.T) {
	c := New(targets.Breaker{Failures: 2, OpenFor: time.Second})
	for i, test := range []struct {
		after, longest, want time.Duration
	}{{30 * time.Second, time.Minute, 30 * time.Second}, {10 * time.Second, time.Minute, 30 * time.Second}, {time.Hour, time.Minute, time.Minute}} {
		f := answered(http.StatusTooManyRequests, targets.CodeThrottling)
		f.RetryAfter = test.after
		if opened, _ := c.Judge(start, f, "busy", test.longest); opened {
			t.Errorf("%d: attempts that were under way when the target asked open the circuit", i)
		}
		if got := c.throttledUntil.Sub(start); got != test.want {
			t.Errorf("%d: no attempts for %v, want %v", i, got, test.want)
		}
	}
	if !c.Throttled(start.Add(59*time.Second)) || c.Throttled(start.Add(time.Minute)) {
		t.Error("the time that it asked for is not kept")
	}
	other := answered(http.StatusBadGateway, "ERROR_FROM_TARGET")
	other.RetryAfter = time.Hour
	c = New(targets.Breaker{Failures: 9})
	if c.Judge(start, other, "x", 2*time.Hour); c.Throttled(start) {
		t.Error("the Retry-After of a 502 holds back all deliveries")
	}
}

func TestACircuitThatIsOff(t *testing.T) {
	for _, cfg := range []targets.Breaker{{Off: true, Failures: 1}, {Failures: 0}} {
		c := New(cfg)
		if opened, _ := c.Judge(start, answered(503, "x"), "x", time.Minute); opened || c.state != Closed || c.View() != nil || c.View().Interrupted() {
			t.Errorf("%+v: got %+v", cfg, c)
		}
	}
}
