package router

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
	"signalbox/replay"
	"signalbox/targets"
)

const toForward = `
targets:
  a: {type: http, arn: "arn:aws:sqs:eu-west-1:123456789012:a", url: "http://127.0.0.1:1/", retry: {max_attempts: 3, max_age: 1h, min_backoff: 1s, max_backoff: 1s}, breaker: off, retry_budget: off}
  dead: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 2, max_age: 2h, min_backoff: 1s, max_backoff: 1s}, breaker: off, retry_budget: off}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [{id: one, target: a, dead_letter: dead, retry: {max_attempts: 3}}]}
  - {name: small, pattern: {source: [shop.small]}, targets: [{id: one, target: a, dead_letter: dead, input_path: $.detail.id}]}
  - {name: faulty, pattern: {source: [shop.faulty]}, targets: [{id: one, target: a, dead_letter: dead, transform: 'detail.none.none'}]}
`

// attributes are those of a delivery, by their names.
func attributes(d *targets.Delivery) map[string]string {
	all := map[string]string{}
	for _, a := range d.Attributes {
		all[a.Name] = a.Value
	}
	return all
}

// forwarding is a bench whose target a is as it is told, and whose store is verified in the end.
func forwarding(t *testing.T, answer func(context.Context, *targets.Delivery) error, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toForward)
		b.disk, b.opts.Trace = journaltest.Crashable(), true
		b.start()
		b.fakes["a"].say(answer)
		defer func() { b.verified() }()
		test(t, b)
	})
}

func TestADeadLetterGoesToItsQueueToo(t *testing.T) {
	const account = "arn:aws:events:local:000000000000:rule/"
	refused := func(context.Context, *targets.Delivery) error {
		return &targets.Error{Code: targets.CodeErrorFromTarget, Status: 400, Final: true, Err: errors.New("answered 400")}
	}
	late := func(_ context.Context, d *targets.Delivery) error {
		return &targets.Error{Code: targets.CodeThrottling, RetryAfter: time.Hour, Err: errors.New("not now")}
	}
	for name, test := range map[string]struct {
		source string
		answer func(context.Context, *targets.Delivery) error
		edit   *strings.Replacer
		body   string // of the message; empty for the event
		want   map[string]string
	}{
		"its attempts are spent": {source: "shop.orders", answer: down, want: map[string]string{
			"RULE_ARN": account + "orders", "TARGET_ARN": "arn:aws:sqs:eu-west-1:123456789012:a", "ERROR_CODE": "CONNECTION_FAILURE",
			"ERROR_MESSAGE": "connection refused", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts", "RETRY_ATTEMPTS": "2"}},
		"it is too old": {source: "shop.orders", answer: late, edit: strings.NewReplacer("max_age: 1h", "max_age: 1500ms"), want: map[string]string{
			"RULE_ARN": account + "orders", "TARGET_ARN": "arn:aws:sqs:eu-west-1:123456789012:a", "ERROR_CODE": "THROTTLING",
			"ERROR_MESSAGE": "not now", "EXHAUSTED_RETRY_CONDITION": "MaximumEventAgeInSeconds", "RETRY_ATTEMPTS": "1"}},
		"the fault is permanent": {source: "shop.small", answer: refused, body: "7", edit: strings.NewReplacer(`arn: "arn:aws:sqs:eu-west-1:123456789012:a", `, ""), want: map[string]string{
			"RULE_ARN": account + "small", "TARGET_ARN": "arn:aws:signalbox:local:000000000000:target/a", "ERROR_CODE": "ERROR_FROM_TARGET",
			"ERROR_MESSAGE": "answered 400", "RETRY_ATTEMPTS": "0"}},
		"no body can be made of it": {source: "shop.faulty", answer: down, want: map[string]string{
			"RULE_ARN": account + "faulty", "TARGET_ARN": "arn:aws:sqs:eu-west-1:123456789012:a", "ERROR_CODE": "INVALID_JSON",
			"ERROR_MESSAGE": "", "RETRY_ATTEMPTS": "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			forwarding(t, test.answer, func(t *testing.T, b *bench) {
				if test.edit != nil {
					b.write(test.edit.Replace(toForward))
					b.swap()
				}
				b.send(&event.Event{Source: test.source, DetailType: "T", Detail: []byte(`{"id":7}`)})
				time.Sleep(time.Minute)
				b.settled()
				letters, got := b.letters(dlq.Filter{}), b.fakes["dead"].deliveries()
				if len(letters) != 1 || letters[0].Target != "a" || len(got) != 1 {
					t.Fatalf("%d dead letters, and %d went to their queue, want one of each", len(letters), len(got))
				}
				d, has := &got[0], attributes(&got[0])
				if test.want["ERROR_MESSAGE"] == "" {
					test.want["ERROR_MESSAGE"] = letters[0].ErrorMessage
				}
				for name, want := range test.want {
					if has[name] != want {
						t.Errorf("%s is %q, want %q", name, has[name], want)
					}
				}
				if len(has) != len(test.want) || string(d.Body) != test.body || d.EventID != letters[0].EventID || string(d.Envelope) != string(letters[0].Event) ||
					d.ID == letters[0].ID || d.Rule != letters[0].Rule || d.Attempt != 1 {
					t.Errorf("its queue got %+v", d)
				}
				if c := b.counts(); c != (journal.Counts{Planned: 2, Dead: 1, Delivered: 1}) {
					t.Errorf("the counters say %+v", c)
				}
				shown := b.trace(d.EventID).Roots[0].Deliveries
				if len(shown) != 2 || shown[1].ForwardOf != shown[0].ID || shown[1].State != journal.TouchDelivered || shown[1].ID != d.ID {
					t.Errorf("the trace shows %+v", shown)
				}
			})
		})
	}
}

// A letter that can't be brought to its queue is a dead letter like any other, goes nowhere else, and
// can be sent there again.
func TestADeadLetterOfADeadLetter(t *testing.T) {
	forwarding(t, down, func(t *testing.T, b *bench) {
		b.fakes["dead"].say(down)
		b.send(order(7))
		time.Sleep(time.Hour)
		b.settled()
		letters := b.letters(dlq.Filter{Target: "dead"})
		if c := b.counts(); c != (journal.Counts{Planned: 2, Dead: 2}) || len(letters) != 1 {
			t.Fatalf("the counters say %+v, with %d dead letters of the queue", c, len(letters))
		}
		own := b.letters(dlq.Filter{Target: "a"})[0]
		if l := letters[0]; l.ForwardOf != own.ID || l.Attempts != 2 || l.Condition != "MaximumRetryAttempts" {
			t.Errorf("got %+v, want that of %s", l, own.ID)
		}
		b.fakes["dead"].say(nil)
		before := len(b.fakes["dead"].deliveries())
		if j := b.redrive(dlq.Redrive{Filter: dlq.Filter{Target: "dead"}, As: dlq.Current}); j.State != jobs.Finished || j.Delivered != 1 {
			t.Errorf("the redrive: %+v", j)
		}
		if got := b.fakes["dead"].deliveries()[before:]; len(got) != 1 || attributes(&got[0])["ERROR_MESSAGE"] != "connection refused" || got[0].ID != letters[0].ID {
			t.Errorf("its queue got %+v", got)
		}
	})
}

// The dead letter itself stays, and can be sent again; each time it dies it goes to its queue again,
// even while earlier ones wait for that.
func TestALetterThatWentToItsQueueIsSentAgain(t *testing.T) {
	for name, trace := range map[string]bool{"with traces": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			forwarding(t, down, func(t *testing.T, b *bench) {
				b.stop()
				b.opts.Trace = trace
				b.start()
				if err := b.router.Pauses.PauseTarget("dead"); err != nil {
					t.Fatal(err)
				}
				b.send(order(7))
				time.Sleep(time.Minute)
				for range 2 {
					b.redrive(dlq.Redrive{Attempts: 1})
				}
				b.crash()
				b.settled()
				if c := b.counts(); c.Planned != 4 || c.Dead != 1 || c.Pending() != 3 {
					t.Fatalf("the counters say %+v, want three on their way to the queue", c)
				}
				b.fakes["a"].say(nil)
				if j := b.redrive(dlq.Redrive{}); j.Delivered != 1 {
					t.Errorf("the redrive: %+v", j)
				}
				if err := b.router.Pauses.ResumeTarget("dead"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				b.settled()
				ids := idsOf(b.fakes["dead"].deliveries())
				if c := b.counts(); len(ids) != 3 || c != (journal.Counts{Planned: 4, Delivered: 4}) {
					t.Errorf("%d went to the queue, want 3; the counters say %+v", len(ids), c)
				}
			})
		})
	}
}

// What a crash undoes of a death, it undoes of what followed from it: nothing is lost, and what comes
// twice has one id.
func TestACrashLosesNoForward(t *testing.T) {
	forwarding(t, down, func(t *testing.T, b *bench) {
		for i := range 50 {
			b.send(order(i))
			time.Sleep(100 * time.Millisecond)
			if i%10 == 9 {
				b.crash()
			}
		}
		time.Sleep(time.Hour)
		b.settled()
		events := map[string]bool{}
		for _, d := range b.fakes["dead"].deliveries() {
			events[d.EventID] = true
		}
		if ids := idsOf(b.fakes["dead"].deliveries()); len(events) != 50 || len(ids) != 50 {
			t.Errorf("%d events came to the queue, under %d ids, want 50", len(events), len(ids))
		}
		if c := b.counts(); c != (journal.Counts{Planned: 100, Dead: 50, Delivered: 50}) {
			t.Errorf("the counters say %+v", c)
		}
	})
}

// A queue that is down holds up nobody, and its own limits hold, not those of the entry.
func TestAQueueThatIsDownHoldsUpNobody(t *testing.T) {
	forwarding(t, down, func(t *testing.T, b *bench) {
		b.fakes["dead"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		for i := range 200 {
			b.send(order(i))
		}
		time.Sleep(10 * time.Second)
		b.settled()
		if n := len(b.letters(dlq.Filter{Target: "a"})); n != 200 {
			t.Errorf("%d deliveries have died, want 200", n)
		}
		b.fakes["a"].say(nil)
		b.send(order(200))
		b.settled()
		if c := b.counts(); c.Delivered != 1 {
			t.Errorf("the counters say %+v, want the last delivered", c)
		}
		time.Sleep(3 * time.Hour)
	})
}

// What a paused rule has lost goes to its queue all the same, and the letters of removed rules stay.
func TestForwardsAndRules(t *testing.T) {
	forwarding(t, down, func(t *testing.T, b *bench) {
		b.send(order(1))
		b.settled()
		b.fakes["dead"].say(down)
		time.Sleep(2500 * time.Millisecond) // it has died, and waits for the second attempt at its queue
		b.must(b.router.Pauses.PauseRule("default", "orders"))
		b.fakes["dead"].say(nil)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c != (journal.Counts{Planned: 2, Dead: 1, Delivered: 1}) {
			t.Errorf("the counters say %+v", c)
		}
		b.must(b.router.Pauses.ResumeRule("default", "orders"))
		b.send(order(2))
		b.settled()
		b.write(strings.Replace(toForward, "target: a, dead_letter: dead, retry: {max_attempts: 3}", "target: a", 1))
		b.swap()
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c != (journal.Counts{Planned: 3, Dead: 2, Delivered: 1}) {
			t.Errorf("the counters say %+v, want the second dead in the own queue alone", c)
		}
	})
}

// A delivery of a replay dies as others do, also at its planning, and also of an event that retention
// has dropped since.
func TestReplaysHaveDeadLettersToo(t *testing.T) {
	forwarding(t, nil, func(t *testing.T, b *bench) {
		b.write(strings.Replace(toForward, "'detail.none.none'", "detail.id", 1))
		b.swap()
		b.send(order(1), &event.Event{Source: "shop.faulty", DetailType: "T", Detail: []byte(`{"id":7}`)})
		b.settled()
		b.write(toForward)
		b.swap()
		b.fakes["a"].say(down)
		for range 2 {
			if j := b.replayed(replay.Request{}); j.State != jobs.Finished {
				t.Fatalf("the replay: %+v", j)
			}
			time.Sleep(time.Minute)
			b.settled()
		}
		got := b.fakes["dead"].deliveries()
		if c := b.counts(); len(got) != 4 || c.Dead != 4 || c.Delivered != 6 || c.Pending() != 0 {
			t.Fatalf("%d went to the queue; the counters say %+v", len(got), c)
		}
		for _, d := range got {
			if d.Replay == "" || !strings.Contains(string(d.Envelope), `"replay-name"`) {
				t.Errorf("%+v does not name its replay", d)
			}
		}
	})
}

func TestRetentionKeepsTheEventsOfForwards(t *testing.T) {
	forwarding(t, down, func(t *testing.T, b *bench) {
		b.must(b.router.Pauses.PauseTarget("dead"))
		b.send(order(1))
		time.Sleep(time.Minute)
		b.settled()
		if _, err := b.journal.Trimmer.Trim(store.Retention{MaxAge: time.Second}); err != nil {
			t.Fatal(err)
		}
		b.crash()
		b.must(b.router.Pauses.ResumeTarget("dead"))
		time.Sleep(time.Minute)
		b.settled()
		if got := b.fakes["dead"].deliveries(); len(got) != 1 {
			t.Errorf("%d went to the queue, want 1", len(got))
		}
		if _, err := b.journal.Trimmer.Trim(store.Retention{MaxAge: time.Second}); err != nil {
			t.Fatal(err)
		}
	})
}

// Commands have their work request, which ends with the letter, and not with what its queue answers.
func TestACommandsDeadLetterIsNoCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toForward)
		b.start()
		defer func() { b.verified() }()
		b.fakes["a"].say(down)
		e := order(1)
		e.Meta.Kind = event.KindCommand
		b.send(e)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Dead != 1 || len(b.fakes["dead"].deliveries()) != 1 {
			t.Errorf("%d went to the queue; the counters say %+v", len(b.fakes["dead"].deliveries()), c)
		}
	})
}
