package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/catalog"
	"signalbox/commands"
	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

const bdsRules = `
targets:
  bds: {type: http, url: "http://127.0.0.1:1/bds", retry: {max_attempts: 3, min_backoff: 1s, max_backoff: 1s}, timeout: 20s}
  second: {type: http, url: "http://127.0.0.1:1/second"}
  console: {type: log}
  jobs: {type: queue, url: "nats://127.0.0.1:1", stream: S, subject: jobs}
  seen: {type: http, url: "http://127.0.0.1:1/seen"}
rules:
  - {name: create, pattern: {detail-type: [CreateBdsInstance]}, targets: [bds]}
  - {name: report, pattern: {detail-type: [CountBdsInstances]}, targets: [bds]}
  - {name: watch, pattern: {source: [console]}, targets: [console]}
  - {name: twice-a, pattern: {detail-type: [Twice]}, targets: [bds]}
  - {name: twice-b, pattern: {detail-type: [{prefix: Tw}]}, targets: [second]}
  - {name: logged, pattern: {detail-type: [Logged]}, targets: [console]}
  - {name: queued, pattern: {detail-type: [Queued]}, targets: [jobs]}
  - {name: steps, pattern: {source: [signalbox.work-requests]}, targets: [seen]}
`

func message1(name string) *event.Event {
	return &event.Event{Source: "console", DetailType: name, Detail: []byte(`{"name":"one"}`)}
}

// answerWith makes a fake answer as an HTTP handler does.
func answerWith(status int, body string) func(context.Context, *targets.Delivery) error {
	return func(_ context.Context, d *targets.Delivery) error {
		if d.Answer != nil {
			*d.Answer = targets.Answer{Status: status, ContentType: "application/json", Body: []byte(body)}
		}
		if status/100 == 2 {
			return nil
		}
		return &targets.Error{Code: targets.CodeInvalidParameter, Status: status, Final: status/100 == 4, Snippet: body, Tries: 1, Err: fmt.Errorf("answered %d", status)}
	}
}

// requests is a router whose handler is the fake bds.
func requests(t *testing.T, do func(b *bench, bds *fake)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, bdsRules)
		b.start()
		defer b.stop()
		do(b, b.fakes["bds"])
	})
}

func command(b *bench, wait time.Duration) commands.Reply {
	b.t.Helper()
	reply, err := b.router.Commands.Command(context.WithoutCancel(b.t.Context()), message1("CreateBdsInstance"), wait)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply
}

func (b *bench) request(id string) *work.Request {
	b.t.Helper()
	time.Sleep(10 * time.Millisecond) // moves wait for company
	synctest.Wait()
	w, err := b.router.Commands.Find(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func path(w *work.Request) string {
	var all []string
	for _, s := range w.History {
		all = append(all, string(s.Action))
	}
	return strings.Join(all, " ")
}

func TestCommandAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  func(context.Context, *targets.Delivery) error
		outcome string
		status  int
		path    string
		dead    uint64
	}{
		{"done at once", answerWith(200, `{"id":7}`), commands.ReplyAnswered, 200, "ACCEPTED SUCCEEDED", 0},
		{"taken on", answerWith(202, ``), commands.ReplyLate, 0, "ACCEPTED IN_PROGRESS", 0},
		{"refused", answerWith(422, `no`), commands.ReplyRefused, 422, "ACCEPTED FAILED", 0},
		{"no such handler", answerWith(404, `no`), commands.ReplyFailed, 404, "ACCEPTED FAILED", 1},
		{"down", answerWith(503, `no`), commands.ReplyFailed, 503, "ACCEPTED FAILED", 1},
		{"hangs", func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() }, commands.ReplyLate, 0, "ACCEPTED", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests(t, func(b *bench, bds *fake) {
				bds.say(c.answer)
				reply := command(b, 10*time.Second)
				w := b.request(reply.Work.ID)
				if reply.Outcome != c.outcome || reply.Status != c.status || path(w) != c.path {
					t.Errorf("%s %d, %q; want %s %d, %q", reply.Outcome, reply.Status, path(w), c.outcome, c.status, c.path)
				}
				if n, _ := b.journal.Counters.Totals(); n.Dead != c.dead {
					t.Errorf("%d dead letters, want %d", n.Dead, c.dead)
				}
				if w.CorrelationID != reply.EventID || w.EntityType != "bds-instance" || w.Service != "bds" {
					t.Errorf("%+v", w)
				}
				if b.router.Commands.Waiting() != 0 {
					t.Error("somebody is still said to wait")
				}
			})
		})
	}
}

// What only reads like a command is an event, whoever takes it and however many.
func TestANameAloneMakesNoCommand(t *testing.T) {
	names := []string{"TestEvent", "StoreUpdate", "ScanComplete", "LoadTest", "MoveOut", "CreateOrder", "GetOrder", "OrderCommand", "com.example.ticket.create.v1"}
	for mode, refuses := range map[catalog.Commands]bool{catalog.Declared: false, catalog.ByName: true} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, `
buses: {on: {}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  b: {type: http, url: "http://127.0.0.1:1/"}
  on: {type: bus, bus: on}
rules:
  - {name: two, kind: [command, query], pattern: {source: [two]}, targets: [a, b, on]}
  - {name: later, bus: on, kind: [command, query], when: 'metadata.kind != "event"', pattern: {source: [two]}, targets: [a, b]}
`)
				b.naming = catalog.DefaultNaming()
				b.naming.Commands = mode
				b.start()
				defer b.stop()
				for _, name := range names {
					for _, source := range []string{"none", "two"} {
						e := &event.Event{Source: source, DetailType: name, Detail: []byte("{}")}
						plan, err := b.router.Plan(t.Context(), &event.Event{Source: source, DetailType: name, Detail: []byte("{}")})
						refused, fault := b.router.Accept(t.Context(), []*event.Event{e})
						if fault != nil || (refused[0] != nil) != refuses || (err != nil) != refuses {
							t.Fatalf("%s from %s: %v, %v; the plan: %v", name, source, refused[0], fault, err)
						}
						if !refuses && (plan.Kind == event.KindEvent || !plan.KindByName) {
							t.Errorf("%s is shown as %s, by its name %t", name, plan.Kind, plan.KindByName)
						}
					}
				}
				b.settled()
				want := 0
				if !refuses {
					want = 2 * len(names)
				}
				for name, f := range map[string]*fake{"a": b.fakes["a"], "b": b.fakes["b"]} {
					if n := len(f.deliveries()); n != want {
						t.Errorf("%s got %d deliveries, want %d", name, n, want)
					}
				}
				if n := b.router.Commands.Open(); n != 0 {
					t.Errorf("%d work requests", n)
				}
			})
		})
	}
}

func TestCommandNeedsOneHandler(t *testing.T) {
	requests(t, func(b *bench, _ *fake) {
		for _, c := range []struct {
			name, code, want string
			kind             event.Kind
		}{
			{"Unknown", event.CodeNoHandler, `rule "watch" only logs it to "console"`, event.KindCommand},
			{"Logged", event.CodeNoHandler, `only logs it to "console"`, event.KindQuery},
			{"Unknown", event.CodeNoHandler, "add a rule that sends it to one", event.KindCommand},
			{"DropThing", event.CodeNoHandler, "declare kind: event for DropThing in the catalog, or send it with detail.metadata.kind: event", event.KindCommand},
			{"Twice", event.CodeSeveralHandlers, `rule "twice-a"`, event.KindCommand},
			{"Twice", event.CodeSeveralHandlers, `rule "twice-b"`, event.KindQuery},
			{"Queued", event.CodeNoHandler, "from which no reply comes", event.KindQuery},
		} {
			e := message1(c.name)
			e.Meta.Kind = c.kind
			refused, err := b.router.Accept(b.t.Context(), []*event.Event{e})
			var fault *event.Error
			if err != nil || !errors.As(refused[0], &fault) || fault.Code != c.code || !strings.Contains(fault.Message, c.want) {
				t.Errorf("%s %s: %v, %v", c.kind, c.name, refused, err)
			}
		}
		e := message1("Queued")
		e.Meta.Kind = event.KindCommand
		if refused, err := b.router.Accept(b.t.Context(), []*event.Event{e}); err != nil || refused[0] != nil {
			t.Errorf("a command may go to a queue: %v, %v", refused, err)
		}
	})
}

// tell accepts an event of the handler.
func (b *bench) tell(name, detail, correlation string) {
	b.t.Helper()
	e := &event.Event{Source: "bds", DetailType: name, Detail: []byte(detail)}
	e.Meta.CorrelationID = correlation
	refused, err := b.router.Accept(b.t.Context(), []*event.Event{e})
	if err != nil || refused[0] != nil {
		b.t.Fatal(refused, err)
	}
}

func TestWorkRequestMovedByEvents(t *testing.T) {
	requests(t, func(b *bench, bds *fake) {
		bds.say(answerWith(202, ""))
		id := command(b, time.Second).Work.ID
		synctest.Wait()
		b.tell("BdsInstanceProgressed", `{"actionType":"IN_PROGRESS","percentComplete":40}`, id)
		b.tell("BdsInstanceProgressed", `{"data":{"percentComplete":20}}`, id) // falls back: ignored
		b.tell("PaymentFailed", `{}`, id)                                      // of the story, not of the work
		b.tell("CreateBdsInstanceSucceeded", `{"entityId":"bds-7"}`, id)
		b.tell("CreateBdsInstanceFailed", `{}`, id) // it has ended
		w := b.request(id)
		if want := "ACCEPTED IN_PROGRESS IN_PROGRESS SUCCEEDED"; path(w) != want || w.Percent != 100 || w.EntityID != "bds-7" {
			t.Errorf("%s, %v %%, %q", path(w), w.Percent, w.EntityID)
		}
		var steps []string
		for _, d := range b.fakes["seen"].deliveries() {
			e, err := event.ParseEnvelope(d.Envelope)
			if err != nil {
				t.Fatal(err)
			}
			if d.Meta.CorrelationID != w.CorrelationID || d.Meta.CausationID == "" || d.Meta.Format != event.FormatOCI {
				t.Errorf("metadata of a step: %+v", d.Meta)
			}
			if !slices.ContainsFunc(w.History, func(s work.Step) bool { return s.EventID == e.ID }) {
				t.Errorf("step %s is not in the history", e.ID)
			}
			steps = append(steps, e.DetailType)
		}
		slices.Sort(steps)
		if got := strings.Join(steps, " "); got != "WorkRequestAccepted WorkRequestProgressed WorkRequestStarted WorkRequestSucceeded" {
			t.Errorf("steps: %s", got)
		}
	})
}

func TestWorkRequestSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, bdsRules)
		b.start()
		b.fakes["bds"].say(answerWith(202, ""))
		id := command(b, time.Second).Work.ID
		b.request(id)
		b.stop()
		b.start()
		defer b.stop()
		b.tell("CreateBdsInstanceFailed", `{"error":{"code":"Quota","message":"no room"}}`, id)
		w := b.request(id)
		if path(w) != "ACCEPTED IN_PROGRESS FAILED" || w.Error == nil || w.Error.Code != "Quota" {
			t.Errorf("%s %+v", path(w), w.Error)
		}
		if b.router.Commands.Open() != 0 {
			t.Error("it is still said to be open")
		}
	})
}

func TestCancelWork(t *testing.T) {
	requests(t, func(b *bench, bds *fake) {
		bds.say(answerWith(202, ""))
		id := command(b, time.Second).Work.ID
		b.request(id)
		if w, err := b.router.Commands.Cancel(id); err != nil || w.Action != work.Canceling {
			t.Fatal(w, err)
		}
		if w, err := b.router.Commands.Cancel(id); err != nil || len(w.History) != 3 {
			t.Fatal("a second call adds nothing:", w, err)
		}
		b.tell("Said", `{"actionType":"IN_PROGRESS","percentComplete":60}`, id) // too late
		b.tell("BdsInstanceCanceled", `{}`, id)
		if w := b.request(id); path(w) != "ACCEPTED IN_PROGRESS CANCELING CANCELED" {
			t.Error(path(w))
		}
		var ended *commands.Ended
		if _, err := b.router.Commands.Cancel(id); !errors.As(err, &ended) {
			t.Error(err)
		}
		if _, err := b.router.Commands.Cancel("nobody"); !errors.Is(err, journal.ErrNotFound) {
			t.Error(err)
		}
	})
}

// A command that waits for its next attempt is not delivered any more.
func TestCancelBeforeDelivery(t *testing.T) {
	requests(t, func(b *bench, bds *fake) {
		bds.say(answerWith(503, ""))
		id := command(b, 0).Work.ID
		synctest.Wait()
		if _, err := b.router.Commands.Cancel(id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if w := b.request(id); path(w) != "ACCEPTED CANCELING CANCELED" || len(bds.deliveries()) != 1 {
			t.Errorf("%s after %d attempts", path(w), len(bds.deliveries()))
		}
	})
}

func TestQuery(t *testing.T) {
	requests(t, func(b *bench, bds *fake) {
		ask := func() commands.Reply {
			t.Helper()
			reply, err := b.router.Commands.Query(b.t.Context(), message1("CountBdsInstances"), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return reply
		}
		bds.say(answerWith(200, `{"count":3}`))
		if r := ask(); r.Outcome != commands.ReplyAnswered || string(r.Body) != `{"count":3}` {
			t.Errorf("%+v", r)
		}
		bds.say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		if r := ask(); r.Outcome != commands.ReplyLate {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute) // the attempt times out, and is not made again
		synctest.Wait()
		n, _ := b.journal.Counters.Totals()
		if n.Dropped != 1 || n.Dead != 0 || n.Pending() != 0 || len(bds.deliveries()) != 2 {
			t.Errorf("%+v after %d attempts", n, len(bds.deliveries()))
		}
	})
}

func TestAskersAreAnsweredAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, bdsRules)
		b.start()
		b.fakes["bds"].say(func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() })
		done := make(chan commands.Reply)
		go func() { done <- command(b, time.Minute) }()
		synctest.Wait()
		b.stop()
		if r := <-done; r.Outcome != commands.ReplyLate || r.EventID == "" {
			t.Errorf("%+v", r)
		}
	})
}

func TestARepeatedCommandRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, bdsRules)
		b.opts.DedupWindow = time.Minute
		b.start()
		defer b.stop()
		b.fakes["bds"].say(answerWith(200, "done"))
		var ids []string
		for range 2 {
			e := message1("CreateBdsInstance")
			e.ID = "given"
			reply, err := b.router.Commands.Command(context.WithoutCancel(b.t.Context()), e, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, reply.Work.ID)
		}
		if n := len(b.fakes["bds"].deliveries()); n != 1 || ids[0] != ids[1] || ids[0] == "" {
			t.Errorf("%d deliveries, work requests %q", n, ids)
		}
	})
}
