package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/commands/work"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/replay"
	"signalbox/targets"
	"signalbox/trace"
)

// replayed begins a replay and waits for its end, in fake time.
func (b *bench) replayed(req replay.Request) replay.Job {
	b.t.Helper()
	j, err := b.router.Replays.Begin(req)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.replayEnds(j.Name)
}

func (b *bench) replayEnds(name string) replay.Job {
	b.t.Helper()
	for range 100_000 {
		j, err := b.router.Replays.Job(name)
		if err != nil {
			b.t.Fatal(err)
		}
		if j.State.Ended() {
			b.settled()
			b.cleanedUp()
			return j
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("replay %s does not end", name)
	return replay.Job{}
}

// cleanedUp holds that no replay has left a lane behind.
func (b *bench) cleanedUp() {
	b.t.Helper()
	if b.router.Replays.Running() > 0 {
		return
	}
	for name := range b.journal.Lanes.All() {
		if strings.Contains(name, "@") {
			b.t.Errorf("lane %q is left", name)
		}
	}
	if left := b.router.Lanes.ofReplays(); len(left) > 0 {
		b.t.Errorf("%d lanes are left", len(left))
	}
}

// verified closes the store and holds it against itself.
func (b *bench) verified() {
	b.t.Helper()
	b.stop()
	check := func(id string, state []byte) error {
		if kind, name := journal.KindOfJob(id); kind == journal.JobReplay {
			return replay.CheckJob(name, state)
		}
		return dlq.CheckJob(id, state)
	}
	report, err := journal.Verify("data", b.disk, journal.Readers{Job: check}, nil)
	if err != nil || report.FaultCount > 0 {
		b.t.Errorf("the store: %v, %q", err, report.Faults)
	}
}

// idsOf counts the deliveries by their ids.
func idsOf(ds []targets.Delivery) map[string]int {
	ids := map[string]int{}
	for _, d := range ds {
		ids[d.ID]++
	}
	return ids
}

// taken is a bench with events that have been delivered to the target a.
func taken(t *testing.T, rules string, n int, test func(t *testing.T, b *bench)) {
	t.Helper()
	takenOn(t, func(*bench) {}, rules, n, test)
}

// takenOn is taken on a bench that is prepared.
func takenOn(t *testing.T, prepare func(*bench), rules string, n int, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, rules)
		b.disk = journaltest.Crashable()
		b.opts.Trace = true
		prepare(b)
		b.start()
		defer func() { b.verified() }()
		for i := range n {
			b.send(order(i))
		}
		b.settled()
		time.Sleep(time.Hour)
		test(t, b)
	})
}

func TestAReplaySendsEveryEventAgain(t *testing.T) {
	taken(t, toA, 3000, func(t *testing.T, b *bench) {
		before := b.fakes["a"].deliveries()
		accepted := b.router.Accounts().Events
		j := b.replayed(replay.Request{Name: "monday"})
		if want := (replay.Tally{Planned: 3000, Delivered: 3000}); j.State != jobs.Finished || j.Tally != want || j.At.Before(j.To) {
			t.Errorf("got %+v", j)
		}
		again := b.fakes["a"].deliveries()[len(before):]
		if got := idsOf(again); !maps.Equal(got, idsOf(before)) {
			t.Errorf("%d deliveries with %d ids", len(again), len(got))
		}
		for i := range again {
			d := &again[i]
			if d.Target != "a" || d.Replay != "monday" || d.Attempt != 1 || !strings.Contains(string(d.Envelope), `"region":"local","replay-name":"monday","resources":[]`) {
				t.Fatalf("got %+v with %s", d, d.Envelope)
			}
		}
		if got := b.counts(); got != (journal.Counts{Planned: 6000, Delivered: 6000}) {
			t.Errorf("got %+v", got)
		}
		if got := b.router.Accounts().Events; got != accepted {
			t.Errorf("events were %+v and are %+v", accepted, got)
		}
		tr, err := b.router.Traces.OfEvent(t.Context(), again[0].EventID, 0)
		if err != nil || len(tr.Roots[0].Deliveries) != 2 {
			t.Fatalf("trace: %+v, %v", tr, err)
		}
		if d := tr.Roots[0].Deliveries[1]; d.Replay != "monday" || d.Target != "a" || d.State != journal.TouchDelivered || d.ID != tr.Roots[0].Deliveries[0].ID {
			t.Errorf("the trace has %+v", d)
		}
	})
}

func TestAReplayChooses(t *testing.T) {
	const text = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  b: {type: http, url: "http://127.0.0.1:1/"}
  onward: {type: bus, bus: other}
buses: {other: {}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, {target: b, input_path: $.detail.id}]}
  - {name: large, pattern: {source: [shop.orders], detail: {id: [{numeric: [">=", 8]}]}}, targets: [b, onward]}
  - {name: live, pattern: {source: [shop.orders], replay-name: [{exists: false}]}, targets: [b]}
  - {name: other, bus: other, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: shadow, state: shadow, pattern: {source: [shop.orders]}, targets: [b]}
`
	taken(t, text, 10, func(t *testing.T, b *bench) {
		began := time.Now().Add(-time.Hour)
		for _, tt := range []struct {
			name string
			req  replay.Request
			want map[string]int // by rule and target
		}{
			{"all", replay.Request{}, map[string]int{"orders a": 10, "orders b": 10, "large b": 2, "other a": 2}},
			{"bus", replay.Request{Bus: "other"}, map[string]int{"other a": 2}},
			{"rule", replay.Request{Rule: "large"}, map[string]int{"large b": 2}},
			{"target", replay.Request{Target: "a"}, map[string]int{"orders a": 10, "other a": 2}},
			{"pattern", replay.Request{Target: "a", Bus: "default", Pattern: []byte(`{"detail": {"id": [3, 4]}}`)}, map[string]int{"orders a": 2}},
			{"before there was any", replay.Request{Until: began.Add(-time.Hour)}, map[string]int{}},
			{"after", replay.Request{Since: time.Now().Add(-time.Minute)}, map[string]int{}},
		} {
			p, err := b.router.Replays.Preview(t.Context(), tt.req)
			if err != nil {
				t.Fatal(err)
			}
			previewed := map[string]int{}
			for _, c := range p.Rules {
				previewed[c.Rule+" "+c.Target] = c.Deliveries
			}
			for _, f := range b.fakes {
				f.mu.Lock()
				f.got = nil
				f.mu.Unlock()
			}
			j := b.replayed(tt.req)
			got := map[string]int{}
			for _, f := range b.fakes {
				for _, d := range f.deliveries() {
					got[d.Rule+" "+d.Target]++
				}
			}
			if !maps.Equal(got, tt.want) || !maps.Equal(previewed, tt.want) || j.State != jobs.Finished || int(j.Planned) != p.Deliveries {
				t.Errorf("%s: sent %v, previewed %v, want %v; %+v", tt.name, got, previewed, tt.want, j)
			}
			if want := min(3, p.Deliveries); len(p.Samples) != want {
				t.Errorf("%s: %d samples", tt.name, len(p.Samples))
			}
			if tt.name == "all" && (p.LeftOut[replay.LeftBus] != 2 || j.LeftOut[replay.LeftBus] != 2 || p.Events != 12) {
				t.Errorf("left out %v, %v; %+v", p.LeftOut, j.LeftOut, p)
			}
		}
	})
}

func TestAsNewAndAsPlanned(t *testing.T) {
	taken(t, toA, 5, func(t *testing.T, b *bench) {
		first := idsOf(b.fakes["a"].deliveries())
		b.replayed(replay.Request{Name: "new", AsNew: true})
		for id := range idsOf(b.fakes["a"].deliveries()[5:]) {
			if s, ok := journal.SeqOfDeliveryID(id); first[id] > 0 || !ok || s == 0 {
				t.Errorf("id %s", id)
			}
		}
		// The rule wants something else by now, and sends it somewhere else.
		b.write(strings.NewReplacer("shop.orders", "other", "targets: [a]", "targets: [{target: a, id: a, input_path: $.detail.id}]").Replace(toA))
		b.swap()
		if j := b.replayed(replay.Request{}); j.Planned != 0 {
			t.Errorf("by the rules of now: %+v", j)
		}
		if j := b.replayed(replay.Request{AsPlanned: true}); j.Delivered != 5 {
			t.Errorf("as planned: %+v", j)
		}
		got := b.fakes["a"].deliveries()[10:]
		if ids := idsOf(got); !maps.Equal(ids, first) {
			t.Errorf("got %v, want %v", ids, first)
		}
		for _, d := range got {
			if body := string(d.Body); len(body) != 1 || body < "0" || body > "4" { // the rule sends the number alone by now
				t.Errorf("sent %q", body)
			}
		}
		b.write(strings.Replace(toA, "name: orders", "name: renamed", 1))
		b.swap()
		if j := b.replayed(replay.Request{AsPlanned: true}); j.Planned != 0 || j.LeftOut[replay.LeftGone] != 5 {
			t.Errorf("of a rule that is gone: %+v", j)
		}
	})
}

// The dead letters of replays are those of the target, none takes the place of another,
// and each can be sent again.
func TestWhatAReplayCanNotDeliverIsADeadLetter(t *testing.T) {
	taken(t, toA, 0, func(t *testing.T, b *bench) {
		b.die(4)
		for i := range 2 * 16 { // as many as there are numbers, and again
			j := b.replayed(replay.Request{AsNew: i%2 == 0})
			if want := (replay.Tally{Planned: 4, Dead: 4}); j.Tally != want || j.State != jobs.Finished {
				t.Fatalf("got %+v", j)
			}
		}
		const dead = 4 + 4*2*16
		letters := b.letters(dlq.Filter{Target: "a"})
		if c := b.counts(); len(letters) != dead || c != (journal.Counts{Planned: dead, Dead: dead}) {
			t.Fatalf("%d letters, %+v", len(letters), c)
		}
		if l := letters[1]; l.Replay == "" || l.Target != "a" || l.Attempts != 3 {
			t.Errorf("got %+v", l)
		}
		b.fakes["a"].say(nil)
		before := len(b.fakes["a"].deliveries())
		if j := b.redrive(dlq.Redrive{}); j.Delivered != dead {
			t.Errorf("got %+v", j)
		}
		marked := 0
		for _, d := range b.fakes["a"].deliveries()[before:] {
			if d.Replay != "" {
				marked++
			}
		}
		if marked != dead-4 {
			t.Errorf("%d are marked", marked)
		}
	})
}

func TestABodyThatCanNotBeRenderedIsADeadLetter(t *testing.T) {
	taken(t, toA, 3, func(t *testing.T, b *bench) {
		b.write(strings.Replace(toA, "targets: [a]", "targets: [{target: a, id: a, transform: 'detail.none.of'}]", 1))
		b.swap()
		j := b.replayed(replay.Request{})
		if want := (replay.Tally{Planned: 3, Dead: 3}); j.Tally != want {
			t.Fatalf("got %+v", j)
		}
		if l := b.letters(dlq.Filter{}); len(l) != 3 || l[0].ErrorCode != targets.CodeInvalidJSON || l[0].Replay != j.Name {
			t.Errorf("got %+v", l)
		}
	})
}

// slowA answers one delivery of a replay a second, and everything else at once.
func slowA(ctx context.Context, d *targets.Delivery) error {
	if d.Replay != "" {
		time.Sleep(time.Second)
	}
	return nil
}

func TestPauseResumeAndCancel(t *testing.T) {
	taken(t, strings.Replace(toA, "retry:", "concurrency: 2, retry:", 1), 5000, func(t *testing.T, b *bench) {
		b.fakes["a"].say(slowA)
		j, err := b.router.Replays.Begin(replay.Request{Name: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		delivered := func() uint64 {
			b.settled()
			if j, err = b.router.Replays.Job("slow"); err != nil {
				t.Fatal(err)
			}
			return j.Delivered
		}
		time.Sleep(20*time.Second + 500*time.Millisecond)
		if n := delivered(); n < 19 || n > 21 || j.Planned < 1024 || j.Planned > 3*1024 {
			t.Errorf("%d delivered after 20 s: %+v", n, j)
		}
		if _, err := b.router.Replays.Pause("slow"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		at := delivered()
		b.send(order(1)) // nothing of it holds up what comes
		b.settled()
		if all := b.fakes["a"].deliveries(); all[len(all)-1].Replay != "" {
			t.Error("what is new waits for a paused replay")
		}
		b.stop()
		b.start()
		time.Sleep(time.Minute)
		if n := delivered(); n != at || j.State != jobs.Paused {
			t.Errorf("%d delivered while it was paused, %d before: %+v", n, at, j)
		}
		if _, err := b.router.Replays.Resume("slow"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := delivered(); n < at+9 {
			t.Errorf("%d delivered after it was resumed, %d before", n, at)
		}
		// A pause of the target holds for its replays.
		if err := b.router.Pauses.PauseTarget("a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		at = delivered()
		time.Sleep(time.Minute)
		if n := delivered(); n != at {
			t.Errorf("%d delivered while the target was paused, %d before", n, at)
		}
		if _, err := b.router.Replays.Cancel("slow"); err != nil {
			t.Fatal(err)
		}
		j = b.replayEnds("slow")
		if j.State != jobs.Cancelled || j.Pending != 0 || j.Dropped == 0 || j.Planned != j.Delivered+j.Dropped {
			t.Errorf("cancelled: %+v", j)
		}
		for name, do := range map[string]func(string) (replay.Job, error){
			"pause": b.router.Replays.Pause, "resume": b.router.Replays.Resume, "cancel": b.router.Replays.Cancel,
		} {
			var conflict *jobs.Conflict
			if _, err := do("slow"); !errors.As(err, &conflict) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := do("none"); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := b.router.Pauses.ResumeTarget("a"); err != nil {
			t.Fatal(err)
		}
		b.settled()
	})
}

func TestATargetThatIsDeletedHalfWayStopsItsPart(t *testing.T) {
	const two = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", concurrency: 2}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, b]}
`
	taken(t, two, 4000, func(t *testing.T, b *bench) {
		b.fakes["a"].say(slowA)
		if _, err := b.router.Replays.Begin(replay.Request{Name: "half"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b.write(strings.NewReplacer("  a: {type: http, url: \"http://127.0.0.1:1/\", concurrency: 2}\n", "", "[a, b]", "[b]").Replace(two))
		b.swap()
		j := b.replayEnds("half")
		a, other := j.Targets[0], j.Targets[1]
		if j.State != jobs.Stopped || a.State != jobs.Stopped || !strings.Contains(j.Reason, `target "a": it is not defined any more`) || a.Dead == 0 || a.Planned != a.Dead+a.Delivered {
			t.Errorf("got %+v", j)
		}
		if other.State != jobs.Finished || other.Delivered != 4000 {
			t.Errorf("the other target: %+v", other)
		}
		b.fakes["a"] = nil
		b.write(two)
		b.swap()
		if _, err := b.router.Replays.Resume("half"); err != nil {
			t.Fatal(err)
		}
		j = b.replayEnds("half")
		if a = j.Targets[0]; j.State != jobs.Finished || a.Planned != 4000 || a.Delivered+a.Dead != 4000 || j.Planned != 8000 {
			t.Errorf("resumed: %+v", j)
		}
	})
}

// A target that takes nothing holds up neither the others nor what is new.
func TestATargetThatHangsHoldsUpNoOther(t *testing.T) {
	const two = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", concurrency: 4, timeout: 1h}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, b]}
  - {name: last, pattern: {source: [shop.orders], detail: {id: [4999]}}, targets: [c]}
`
	taken(t, strings.Replace(two, "rules:", "  c: {type: http, url: \"http://127.0.0.1:1/\"}\nrules:", 1), 5000, func(t *testing.T, b *bench) {
		ctx, release := context.WithCancel(t.Context())
		b.fakes["a"].say(func(_ context.Context, d *targets.Delivery) error {
			if d.Replay != "" {
				<-ctx.Done()
			}
			return nil
		})
		j, err := b.router.Replays.Begin(replay.Request{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.settled()
		if j, err = b.router.Replays.Job(j.Name); err != nil || len(j.Targets) != 3 || j.Targets[1].State != jobs.Finished || j.Targets[1].Delivered != 5000 || j.Targets[2].Delivered != 1 {
			t.Errorf("got %+v, %v", j, err)
		}
		before := len(b.fakes["a"].deliveries())
		b.send(order(1))
		b.settled()
		if got := b.fakes["a"].deliveries()[before:]; len(got) != 1 || got[0].Replay != "" {
			t.Errorf("a got %d of what is new", len(got))
		}
		release()
		if j = b.replayEnds(j.Name); j.Targets[0].Delivered != 5000 {
			t.Errorf("got %+v", j)
		}
	})
}

func TestReplaysOfOverlappingTimesDoNotDisturbEachOther(t *testing.T) {
	const ordered = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", order_by: detail.id % 7, concurrency: 8}
  b: {type: http, url: "http://127.0.0.1:1/", batch: {max_events: 50, max_wait: 1s}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, b]}
`
	taken(t, ordered, 2000, func(t *testing.T, b *bench) {
		before := map[string]int{"a": len(b.fakes["a"].deliveries()), "b": len(b.fakes["b"].deliveries())}
		for _, name := range []string{"one", "two", "three"} {
			if _, err := b.router.Replays.Begin(replay.Request{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := b.router.Replays.Preview(t.Context(), replay.Request{})
		if err != nil || !slices.Equal(p.Overlaps, []string{"one", "three", "two"}) {
			t.Errorf("overlaps %q, %v", p.Overlaps, err)
		}
		var conflict *jobs.Conflict
		if _, err := b.router.Replays.Begin(replay.Request{Name: "one"}); !errors.As(err, &conflict) {
			t.Errorf("a name that is taken: %v", err)
		}
		for _, name := range []string{"one", "two", "three"} {
			if j := b.replayEnds(name); j.Delivered != 4000 || j.State != jobs.Finished {
				t.Errorf("%s: %+v", name, j)
			}
		}
		for name, n := range before {
			for id, times := range idsOf(b.fakes[name].deliveries()[n:]) {
				if times != 3 {
					t.Fatalf("%s got %s %d times", name, id, times)
				}
			}
		}
		latest := map[string]journal.Seq{} // in order, replay by replay and key by key
		for _, d := range b.fakes["a"].deliveries()[before["a"]:] {
			e, err := event.ParseEnvelope(d.Envelope)
			if err != nil {
				t.Fatal(err)
			}
			var id int
			fmt.Sscanf(string(e.Detail), `{"id":%d}`, &id)
			key := fmt.Sprint(d.Replay, id%7)
			s, _ := journal.SeqOfDeliveryID(d.ID)
			if s <= latest[key] {
				t.Fatalf("replay %s: %d came after %d", d.Replay, s, latest[key])
			}
			latest[key] = s
		}
	})
}

// A command asks for something to be done once: it is not replayed, and events of the past
// move no work request.
func TestReplaysLeaveCommandsAlone(t *testing.T) {
	const text = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: all, pattern: {source: [{prefix: ""}]}, targets: [a]}
`
	taken(t, text, 2, func(t *testing.T, b *bench) {
		e := order(1)
		e.DetailType, e.Meta.Kind = "ShipOrder", event.KindCommand
		if _, err := b.router.Commands.Command(t.Context(), e, 0); err != nil {
			t.Fatal(err)
		}
		b.settled()
		works := func() int {
			n := 0
			if err := b.router.Commands.Each("", func(*work.Request) bool { n++; return true }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		accepted, open := b.router.Accounts().Events, works()
		j := b.replayed(replay.Request{})
		if j.LeftOut[replay.LeftRequest] != 1 || j.Planned == 0 {
			t.Errorf("got %+v", j)
		}
		for _, d := range b.fakes["a"].deliveries() {
			if d.Replay != "" && d.Meta.IsRequest() {
				t.Errorf("a command was replayed: %s", d.Envelope)
			}
		}
		if now := b.router.Accounts().Events; works() != open || now != accepted {
			t.Errorf("%d work requests, %d before; events %+v, %+v before", works(), open, now, accepted)
		}
	})
}

func TestAReplayThatMakesNoSenseIsRefused(t *testing.T) {
	taken(t, toA, 1, func(t *testing.T, b *bench) {
		now := time.Now()
		for want, req := range map[string]replay.Request{
			"since 2":                                {Since: now.Add(time.Hour)},
			"lies in the future":                     {Until: now.Add(time.Hour)},
			"no event lies between":                  {Since: now.Add(-time.Minute), Until: now.Add(-time.Hour)},
			`bus "x": there is none`:                 {Bus: "x"},
			`rule "order": there is none (did you`:   {Rule: "order"},
			`target "x": there is none`:              {Target: "x"},
			"pattern: ":                              {Pattern: []byte(`{"source": "x"}`)},
			"rate: -1":                               {Rate: -1},
			`archive "x": there is none`:             {Archive: "x"},
			"archive: stands beside pattern":         {Archive: "x", Pattern: []byte(`{"source": ["x"]}`)},
			"rules: stands beside rule":              {Rule: "all", Rules: []string{"all"}},
			`rule "y": there is none`:                {Rules: []string{"y"}},
			`name "a@b": write up to 64`:             {Name: "a@b"},
			`name "` + strings.Repeat("x", 65) + `"`: {Name: strings.Repeat("x", 65)},
		} {
			var bad *replay.BadRequest
			_, err := b.router.Replays.Begin(req)
			_, previewErr := b.router.Replays.Preview(t.Context(), req)
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) || !errors.As(previewErr, &bad) {
				t.Errorf("%+v: %v, %v; want %q", req, err, previewErr, want)
			}
		}
		if n := len(b.router.Replays.Jobs()); n != 0 {
			t.Errorf("%d replays are there", n)
		}
	})
}

// TestAClockSetBackLosesNothingToReplay: numbers go on where the clock was before it was set back, so
// that a range in the middle of that has each of its events once, and the list of events agrees.
func TestAClockSetBackLosesNothingToReplay(t *testing.T) {
	taken(t, toA, 3, func(t *testing.T, b *bench) {
		ahead := time.Now().Add(time.Hour)
		b.journal.Seqs.Pass(journal.SeqAt(ahead)) // the clock was there, and is an hour behind now
		for i := range 4 {
			b.send(order(10 + i))
		}
		b.settled()
		for name, tt := range map[string]struct {
			since, until time.Time
			want         uint64
		}{
			"all":                      {want: 7},
			"before it was set back":   {until: ahead, want: 3},
			"after it was set back":    {since: ahead, want: 4},
			"across":                   {since: time.Now().Add(-2 * time.Hour), want: 7},
			"a range without events":   {since: time.Now(), until: ahead, want: 0},
			"another, before them all": {since: time.Unix(1, 0), until: time.Unix(2, 0), want: 0},
		} {
			page, err := b.router.Traces.Search(t.Context(), trace.Filter{Since: tt.since, Until: tt.until}, "", 100, false)
			if err != nil || uint64(len(page.Events)) != tt.want {
				t.Errorf("%s: %d events are listed, want %d (%v)", name, len(page.Events), tt.want, err)
			}
			j := b.replayed(replay.Request{Since: tt.since, Until: tt.until})
			if want := (replay.Tally{Planned: tt.want, Delivered: tt.want}); j.State != jobs.Finished || j.Tally != want {
				t.Errorf("%s: %+v, want %+v", name, j, want)
			}
		}
	})
}

// The power is cut again and again while a replay is at work: it goes on where it was, and
// no event is left out.
func TestAReplayGoesOnAfterACrash(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			const n = 6000
			taken(t, toA, n, func(t *testing.T, b *bench) {
				before := len(b.fakes["a"].deliveries())
				rng := rand.New(rand.NewPCG(seed, 1))
				b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
					time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // rng is not for many goroutines
					return nil
				})
				if _, err := b.router.Replays.Begin(replay.Request{Name: "crashed", Rate: 2000}); err != nil {
					t.Fatal(err)
				}
				for range 5 {
					time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
					b.crash()
				}
				j := b.replayEnds("crashed")
				ids := idsOf(b.fakes["a"].deliveries()[before:])
				if want := (replay.Tally{Planned: n, Delivered: n}); j.Tally != want || len(ids) != n {
					t.Errorf("got %+v; %d different deliveries", j, len(ids))
				}
				if got := b.counts(); got != (journal.Counts{Planned: 2 * n, Delivered: 2 * n}) {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}
