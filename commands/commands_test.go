package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"signalbox/commands/work"
	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/targets"
	"signalbox/targets/http"
	"signalbox/targets/log"
	"signalbox/targets/nats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// router stands for the router: one rule sends all commands and queries to the target
// "bds". Its funcs are what a test may replace.
type router struct {
	ready func() error
	kind  func(*event.Event) event.Kind

	bench  *bench
	config targets.Config
	// handed are the types of the step events that were handed over.
	handed []string
}

func (r *router) Ready() error {
	if r.ready != nil {
		return r.ready()
	}
	return nil
}

func (r *router) Reserve(n int) (Planner, store.Reservation) {
	return r, r.bench.journal.Seqs.Reserve(n)
}

func (r *router) Target(string) targets.Config { return r.config }

func (r *router) Plan(e *event.Event, seq journal.Seq) (Planned, error) {
	entry, err := entryOf(e, seq)
	return Planned{Entry: entry, HandOver: func() { r.handed = append(r.handed, e.DetailType) }}, err
}

func entryOf(e *event.Event, seq journal.Seq) (journal.Entry, error) {
	if e.ID == "" {
		e.ID = journal.NewEventID(seq)
	}
	e.Meta.Received = seq.Time()
	meta, err := e.Meta.AppendBinary(nil)
	return journal.Entry{Record: journal.Record{Seq: seq, Meta: meta, Envelope: e.AppendEnvelope(nil)}}, err
}

func (r *router) AcceptRequest(_ context.Context, e *event.Event, planned func(*event.Event) error) error {
	if r.kind != nil {
		e.Meta.Kind = r.kind(e)
	}
	return r.bench.accept(e, planned)
}

// bench is a service with a journal in memory.
type bench struct {
	*Service
	t       *testing.T
	router  *router
	journal *store.Journal
	stop    chan struct{}
	lane    journal.LaneID
}

func newBench(t *testing.T) *bench {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, journal: j, stop: make(chan struct{})}
	b.router = &router{bench: b, config: targets.Config{Name: "bds", Kind: http.Kind()}}
	if b.lane, err = j.Lanes.Lane("bds"); err != nil {
		t.Fatal(err)
	}
	b.restart()
	return b
}

// restart makes the service anew, of what is on disk.
func (b *bench) restart() {
	b.t.Helper()
	var err error
	b.Service, err = New(Options{Journal: b.journal, Router: b.router, Log: zap.NewNop(), Registerer: prometheus.NewRegistry(), Stop: b.stop})
	if err != nil {
		b.t.Fatal(err)
	}
}

// accept accepts an event as the router does.
func (b *bench) accept(e *event.Event, planned func(*event.Event) error) error {
	s := b.journal.Seqs.Reserve(1)
	defer s.Release()
	given := e.ID != ""
	entry, err := entryOf(e, s.First)
	if err != nil {
		return err
	}
	a := Accepted{Event: e, Seq: s.First, Given: given}
	if given {
		entry.Record.GivenID = e.ID
	}
	if e.Meta.IsRequest() {
		if a.Handler, err = b.Handler(e, []Candidate{{Rule: "all", Entry: "bds", Target: "bds", Config: b.router.config}}); err != nil {
			return err
		}
	}
	if planned != nil {
		if err := planned(e); err != nil {
			return err
		}
	}
	steps, err := b.Steps(1, func(int) Accepted { return a })
	if err != nil {
		return err
	}
	defer steps.Release()
	if err := b.journal.Append(steps.With([]journal.Entry{entry})); err != nil {
		return err
	}
	steps.Commit()
	return nil
}

func message(name string) *event.Event {
	return &event.Event{Source: "console", DetailType: name, Detail: []byte(`{}`), Meta: event.Metadata{Bus: "default"}}
}

// command accepts a command that nobody waits for.
func (b *bench) command() *work.Request {
	b.t.Helper()
	reply, err := b.Command(b.t.Context(), message("CreateBdsInstance"), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply.Work
}

// tell accepts an event about a work request.
func (b *bench) tell(w *work.Request, name, detail string) {
	b.t.Helper()
	e := message(name)
	e.Detail, e.Meta.CorrelationID, e.Meta.Kind = []byte(detail), w.CorrelationID, event.KindEvent
	if err := b.accept(e, nil); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) found(id string) *work.Request {
	b.t.Helper()
	w, err := b.Find(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// path is the way of a work request through its states.
func path(w *work.Request) string {
	var all []string
	for _, s := range w.History {
		all = append(all, string(s.Action))
	}
	return strings.Join(all, " ")
}

// attempt is one at the delivery of a message to a target of a type.
func (b *bench) attempt(w *work.Request, kind event.Kind, rule string) *delivery.Attempt {
	return &delivery.Attempt{
		Item: queue.NewItem(journal.Delivery{Rule: rule, RuleTarget: "bds", Lane: b.lane},
			queue.NewEvent(new(journal.Record), &event.Metadata{Bus: "default", Kind: kind}, w.CommandID)),
		Target: &delivery.Active{Config: b.router.config},
	}
}

func failing(code string, status int, final bool) *targets.Error {
	return &targets.Error{Code: code, Status: status, Final: final, Err: errors.New("no"), Snippet: "why"}
}

func TestWhatBecomesOfADeliveryMovesItsWorkRequest(t *testing.T) {
	b := newBench(t)
	stage := Stage{b.Service}
	answer := func(status int) *targets.Answer { return &targets.Answer{Status: status} }
	for name, tc := range map[string]struct {
		do      func(*delivery.Attempt) delivery.Verdict
		verdict delivery.Verdict
		path    string
	}{
		"taken":     {func(a *delivery.Attempt) delivery.Verdict { a.Send.Answer = answer(200); return stage.Answered(a) }, delivery.Continue, "ACCEPTED SUCCEEDED"},
		"by a func": {func(a *delivery.Attempt) delivery.Verdict { a.Send.Answer = answer(0); return stage.Answered(a) }, delivery.Continue, "ACCEPTED SUCCEEDED"},
		"continues": {func(a *delivery.Attempt) delivery.Verdict { a.Send.Answer = answer(202); return stage.Answered(a) }, delivery.Continue, "ACCEPTED IN_PROGRESS"},
		"no answer": {func(a *delivery.Attempt) delivery.Verdict { return stage.Answered(a) }, delivery.Continue, "ACCEPTED"},
		"refused": {func(a *delivery.Attempt) delivery.Verdict {
			a.Send.Answer, a.Failure = answer(422), failing("X", 422, true)
			return stage.Failed(a)
		}, delivery.Drop, "ACCEPTED FAILED"},
		"not there": {func(a *delivery.Attempt) delivery.Verdict {
			a.Send.Answer, a.Failure = answer(404), failing("X", 404, true)
			return stage.Failed(a)
		}, delivery.Continue, "ACCEPTED"},
		"for a moment": {func(a *delivery.Attempt) delivery.Verdict {
			a.Send.Answer, a.Failure = answer(409), failing("X", 409, false)
			return stage.Failed(a)
		}, delivery.Continue, "ACCEPTED"},
		"given up": {func(a *delivery.Attempt) delivery.Verdict {
			a.Failure = failing("X", 500, false)
			return stage.GaveUp(a)
		}, delivery.Continue, "ACCEPTED FAILED"},
		"no target": {func(a *delivery.Attempt) delivery.Verdict {
			a.Target, a.Failure = nil, failing("X", 0, false)
			return stage.GaveUp(a)
		}, delivery.Continue, "ACCEPTED FAILED"},
		"a test": {stage.Simulated, delivery.Continue, "ACCEPTED SUCCEEDED"},
		"begun":  {stage.Begin, delivery.Continue, "ACCEPTED"},
		"of another rule": {func(a *delivery.Attempt) delivery.Verdict {
			a.Item.Delivery.Rule, a.Failure = "audit", failing("X", 500, false)
			return stage.GaveUp(a)
		}, delivery.Continue, "ACCEPTED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := b.command()
			a := b.attempt(w, event.KindCommand, "all")
			if got := tc.do(a); got != tc.verdict || path(b.found(w.ID)) != tc.path {
				t.Errorf("verdict %d, %s; want %d, %s", got, path(b.found(w.ID)), tc.verdict, tc.path)
			}
			if now := b.found(w.ID); now.Action == work.Failed && (now.Error == nil || now.Error.Code != "X" || now.Error.Message != "no: why") {
				t.Errorf("the error is %+v", now.Error)
			}
		})
	}
}

func TestASenderGetsWhatTheHandlerAnswers(t *testing.T) {
	for _, kind := range []event.Kind{event.KindCommand, event.KindQuery} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				ask := map[event.Kind]func(context.Context, *event.Event, time.Duration) (Reply, error){event.KindCommand: b.Command, event.KindQuery: b.Query}[kind]
				replies := make(chan Reply)
				e := message("CountBdsInstances")
				go func() {
					reply, err := ask(t.Context(), e, time.Minute)
					if err != nil {
						t.Error(err)
					}
					replies <- reply
				}()
				synctest.Wait()
				if b.Waiting() != 1 {
					t.Fatalf("%d wait", b.Waiting())
				}
				a := b.attempt(&work.Request{CommandID: e.ID}, kind, "all")
				a.Item.Meta().Extensions = e.Meta.Extensions
				if v := (Stage{b.Service}).Begin(a); v != delivery.Continue || a.Send.Answer == nil {
					t.Fatalf("begin: %d, %v", v, a.Send.Answer)
				}
				*a.Send.Answer = targets.Answer{Status: 201, Body: []byte("7")}
				if v := (Stage{b.Service}).Answered(a); v != delivery.Continue {
					t.Errorf("answered: %d", v)
				}
				reply := <-replies
				if reply.Outcome != ReplyAnswered || reply.Status != 201 || string(reply.Body) != "7" || reply.EventID != e.ID || (reply.Work != nil) != (kind == event.KindCommand) {
					t.Errorf("got %+v", reply)
				}
				if b.Waiting() != 0 || b.waiters.admitted.Load() != 0 || len(b.waiters.by) != 0 {
					t.Errorf("somebody is still said to wait: %+v", b.waiters.by)
				}
			})
		})
	}
}

func TestNobodyWaitsLongerThanThereIsUse(t *testing.T) {
	for name, end := range map[string]func(*bench, context.CancelFunc){
		"the time is over":     func(*bench, context.CancelFunc) { time.Sleep(MaxWait) },
		"the sender has gone":  func(_ *bench, gone context.CancelFunc) { gone() },
		"the router is to end": func(b *bench, _ context.CancelFunc) { close(b.stop) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				ctx, gone := context.WithCancel(t.Context())
				defer gone()
				done := make(chan Reply)
				e := message("CountBdsInstances")
				go func() { reply, _ := b.Query(ctx, e, time.Hour); done <- reply }()
				synctest.Wait()
				end(b, gone)
				if reply := <-done; reply.Outcome != ReplyLate || b.Waiting() != 0 {
					t.Errorf("got %+v, %d wait", reply, b.Waiting())
				}
				a := b.attempt(&work.Request{CommandID: e.ID}, event.KindQuery, "all")
				a.Item.Meta().Extensions, a.Failure = e.Meta.Extensions, failing("X", 500, false)
				stage := Stage{b.Service}
				if began, failed, gaveUp := stage.Begin(a), stage.Failed(a), stage.GaveUp(a); began != delivery.Drop || failed != delivery.DropFailed || gaveUp != delivery.Drop {
					t.Errorf("a query that nobody waits for: %d, %d, %d", began, failed, gaveUp)
				}
			})
		})
	}
}

func TestTheSendersWhoWaitAreBounded(t *testing.T) {
	b := newBench(t)
	b.waiters.admitted.Store(maxWaiters)
	_, err := b.Query(t.Context(), message("CountBdsInstances"), time.Second)
	if later, ok := err.(interface{ RetryAfter() time.Duration }); !ok || later.RetryAfter() != time.Second {
		t.Errorf("one more may wait: %v", err)
	}
	if reply, err := b.Command(t.Context(), message("CreateBdsInstance"), 0); err != nil || reply.Outcome != ReplyLate {
		t.Errorf("one that does not wait: %+v, %v", reply, err)
	}
}

func TestAMessageOfAnotherKindIsRefused(t *testing.T) {
	b := newBench(t)
	b.router.kind = func(*event.Event) event.Kind { return event.KindQuery }
	_, err := b.Command(t.Context(), message("CountBdsInstances"), 0)
	var refused *event.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "the catalog declares CountBdsInstances to be of the kind query, and it was sent as a command") {
		t.Errorf("got %v", err)
	}
}

func TestAMessageHasOneHandler(t *testing.T) {
	web, queue, logs := targets.Config{Kind: http.Kind()}, targets.Config{Kind: nats.Kind()}, targets.Config{Kind: log.Kind()}
	one := Candidate{Rule: "r", Pos: "f.yaml:1:1", Entry: "e", Target: "t", Config: web}
	with := func(c Candidate, cfg targets.Config) Candidate { c.Config = cfg; return c }
	broken := one
	broken.Err = errors.New("no such field")
	for name, tc := range map[string]struct {
		kind event.Kind
		all  []Candidate
		code string
		want string // of the message
	}{
		"one":              {event.KindCommand, []Candidate{with(one, logs), one}, "", ""},
		"none":             {event.KindCommand, nil, event.CodeNoHandler, "no rule on bus default sends the command Do from console to a handler: add a rule that sends it to one; or, if it is an event, declare kind: event for Do"},
		"only logged":      {event.KindCommand, []Candidate{with(one, logs)}, event.CodeNoHandler, `rule "r" only logs it to "t"`},
		"two":              {event.KindQuery, []Candidate{one, one}, event.CodeSeveralHandlers, `would have 2 handlers, and must have one: rule "r" (f.yaml:1:1) to target "t", rule "r"`},
		"a query's queue":  {event.KindQuery, []Candidate{with(one, queue)}, event.CodeNoHandler, "a queue, from which no reply comes"},
		"a command's":      {event.KindCommand, []Candidate{with(one, queue)}, "", ""},
		"no body":          {event.KindCommand, []Candidate{broken}, event.CodeInvalidArgument, `rule "r" can't make the body for target "t" of this command: no such field`},
		"too many at once": {event.KindCommand, []Candidate{one}, event.CodeThrottling, "100000 work requests are open"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if tc.code == event.CodeThrottling {
				b.requests.open.Store(maxOpenWork)
			}
			e := message("Do")
			e.ID, e.Meta.Kind = "id", tc.kind
			h, err := b.Handler(e, tc.all)
			if tc.code == "" {
				if err != nil || h != (work.Handler{Bus: "default", Rule: "r", Entry: "e", Target: "t"}) || e.Meta.CorrelationID != "id" {
					t.Errorf("got %+v, %v", h, err)
				}
				return
			}
			var refused *event.Error
			if !errors.As(err, &refused) || refused.Code != tc.code || !strings.Contains(refused.Message, tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEventsMoveAWorkRequestAndARestartKeepsIt(t *testing.T) {
	b := newBench(t)
	w, other := b.command(), b.command()
	b.tell(w, "CreateBdsInstanceStarted", `{"percentComplete":20}`)
	b.tell(w, "CreateBdsInstanceStarted", `{"percentComplete":10}`) // is no news
	b.restart()
	b.tell(w, "CreateBdsInstanceCompleted", `{}`)
	b.tell(w, "CreateBdsInstanceFailed", `{}`) // comes too late
	if got := b.found(w.ID); path(got) != "ACCEPTED IN_PROGRESS SUCCEEDED" || got.Percent != 100 || b.Open() != 1 {
		t.Errorf("%s at %v, %d are open", path(got), got.Percent, b.Open())
	}
	want := []string{"WorkRequestAccepted", "WorkRequestAccepted", "WorkRequestStarted", "WorkRequestSucceeded"}
	if !slices.Equal(b.router.handed, want) {
		t.Errorf("handed over: %v", b.router.handed)
	}
	b.restart()
	var all []string
	if err := b.Each("", func(w *work.Request) bool { all = append(all, w.ID+" "+path(w)); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, []string{other.ID + " ACCEPTED", w.ID + " ACCEPTED IN_PROGRESS SUCCEEDED"}) {
		t.Errorf("listed: %v", all)
	}
	if err := b.Each("x", func(*work.Request) bool { return true }); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("before none: %v", err)
	}
}

func TestAWorkRequestIsFoundByEveryID(t *testing.T) {
	b := newBench(t)
	e := message("CreateBdsInstance")
	e.ID = "mine"
	reply, err := b.Command(t.Context(), e, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := reply.Work
	if w.ID == "mine" || w.CommandID != "mine" {
		t.Fatalf("got %+v", w)
	}
	for _, when := range []string{"open", "ended", "after a restart"} {
		for _, id := range []string{w.ID, "mine"} {
			if got, err := b.Find(id); err != nil || got.ID != w.ID {
				t.Errorf("%s: by %s: %+v, %v", when, id, got, err)
			}
		}
		b.tell(w, "CreateBdsInstanceFailed", `{}`)
		if when == "ended" {
			b.restart()
		}
	}
	for _, id := range []string{"none", journal.NewEventID(b.journal.Seqs.Reserve(1).First)} {
		if _, err := b.Find(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestCancel(t *testing.T) {
	b := newBench(t)
	w := b.command()
	for range 2 { // the second changes nothing
		if got, err := b.Cancel(w.ID); err != nil || path(got) != "ACCEPTED CANCELING" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if v := (Stage{b.Service}).Begin(b.attempt(w, event.KindCommand, "all")); v != delivery.Drop || path(b.found(w.ID)) != "ACCEPTED CANCELING CANCELED" {
		t.Errorf("its delivery: %d, %s", v, path(b.found(w.ID)))
	}
	var ended *Ended
	if _, err := b.Cancel(w.ID); !errors.As(err, &ended) || ended.Request.ID != w.ID || !strings.Contains(err.Error(), "has ended: it is CANCELED since") {
		t.Errorf("once it has ended: %v", err)
	}
	if _, err := b.Cancel("none"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	full := errors.New("full")
	b.router.ready = func() error { return full }
	if _, err := b.Cancel(w.ID); !errors.Is(err, full) {
		t.Errorf("while nothing is accepted: %v", err)
	}
}

// A command that a bus hands on has one work request, and its handler is the one
// that was found last.
func TestACommandThatIsHandedOnKeepsItsWorkRequest(t *testing.T) {
	b := newBench(t)
	e := message("CreateBdsInstance")
	e.ID = "mine"
	first, err := b.Command(t.Context(), e, 0)
	if err != nil {
		t.Fatal(err)
	}
	on := message("CreateBdsInstance")
	on.ID, on.Meta.Bus, on.Meta.Kind, on.Meta.Hops = "mine", "other", event.KindCommand, 1
	if err := b.accept(on, nil); err != nil {
		t.Fatal(err)
	}
	if got := b.found("mine"); got.ID != first.Work.ID || got.Handler.Bus != "other" || path(got) != "ACCEPTED" || b.Open() != 1 {
		t.Errorf("got %+v", got)
	}
	again := message("CreateBdsInstance")
	again.ID = "mine"
	if second, err := b.Command(t.Context(), again, 0); err != nil || second.Work.ID == first.Work.ID || b.Open() != 2 {
		t.Errorf("another command with this id: %+v, %v", second.Work, err)
	}
}

func TestWhatRetentionDropsIsForgotten(t *testing.T) {
	b := newBench(t)
	var all []*work.Request
	for range 3 {
		all = append(all, b.command())
	}
	b.tell(all[1], "CreateBdsInstanceFailed", `{}`)
	young, _ := journal.SeqOfEventID(all[2].ID)
	b.Forget(young)
	if b.Open() != 1 || b.requests.all.Load() != 1 || len(b.requests.ended) != 0 || len(b.requests.track) != 1 {
		t.Errorf("%d are open of %d in memory", b.Open(), b.requests.all.Load())
	}
	for range keptEnded + 5 {
		b.tell(b.command(), "CreateBdsInstanceFailed", `{}`)
	}
	if n := b.requests.all.Load(); n != keptEnded+1 {
		t.Errorf("%d are in memory", n)
	}
}

func TestAStoredWorkRequestIsChecked(t *testing.T) {
	for value, want := range map[string]string{
		"":                                   "empty",
		"\x00{":                              "unexpected end of JSON",
		"\x00" + `{"actionType":"FAILED"}`:   `it is stored as 0, and its state is "FAILED"`,
		"\x01" + `{"actionType":"ACCEPTED"}`: `it is stored as 1, and its state is "ACCEPTED"`,
		"\x01" + `{"actionType":"FAILED"}`:   "",
	} {
		err := CheckWork(journal.Work{Seq: 7, Value: []byte(value)})
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
