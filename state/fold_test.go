package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/archive/past"
	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/state"
)

// orders are types that an order is folded of, in three ways.
const orders = `types:
  - {name: OrderCreated, kind: event, object: order, key: detail.id, fold: replace}
  - {name: OrderChanged, kind: event, object: order, key: detail.id, fold: merge}
  - name: ItemAdded
    kind: event
    object: order
    key: detail.id
    fold: '{"id": event.detail.id, "items": concat(state?.items ?? [], [event.detail.item])}'
  - {name: OrderPurged, kind: event, object: order, key: detail.id, fold: 'nil'}
  - {name: Customer, kind: audit, object: customer, key: detail.id}
`

func parse(t testing.TB, text string) *catalog.Catalog {
	t.Helper()
	root, err := document.Parse("catalog.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var problems document.Problems
	c := catalog.Load([]catalog.File{{Path: "catalog.yaml", Root: root}}, nil, &problems)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// shelf is a journal with the keeper of its states, under a catalog that can be changed.
type shelf struct {
	*state.Keeper
	t       testing.TB
	disk    *store.Disk
	journal *store.Journal
	catalog *catalog.Catalog
	failed  int
	logs    *observer.ObservedLogs
}

func newShelf(t testing.TB, text string) *shelf {
	t.Helper()
	s := &shelf{t: t, disk: store.InMemory(), catalog: parse(t, text)}
	s.open()
	return s
}

func (s *shelf) open() {
	s.t.Helper()
	var err error
	if s.journal, err = store.Open("data", store.Options{Disk: s.disk}); err != nil {
		s.t.Fatal(err)
	}
	core, logs := observer.New(zap.WarnLevel)
	s.logs = logs
	s.Keeper = state.NewKeeper(state.NewReader(s.journal, past.Of(s.journal.Events, s.journal.Seqs), func() *catalog.Catalog { return s.catalog }), zap.New(core))
	s.OnFault = func(string) { s.failed++ }
	s.declare("")
}

// declare changes the catalog; an empty text leaves it as it is.
func (s *shelf) declare(text string) (changed []string) {
	s.t.Helper()
	if text != "" {
		s.catalog = parse(s.t, text)
	}
	changed, err := s.Declare(s.catalog)
	if err != nil {
		s.t.Fatal(err)
	}
	return changed
}

// close closes the journal and verifies it.
func (s *shelf) close() {
	s.t.Helper()
	if err := s.journal.Close(); err != nil {
		s.t.Fatal(err)
	}
	report, err := journal.Verify("data", s.disk, journal.Readers{}, nil)
	if err != nil || report.FaultCount > 0 {
		s.t.Errorf("verify: %v, %q", err, report.Faults)
	}
}

// send accepts events in one request, as the router does, and returns the first.
func (s *shelf) send(detailType string, details ...string) *event.Event {
	s.t.Helper()
	at := s.journal.Seqs.Reserve(len(details))
	var first *event.Event
	entries := make([]journal.Entry, 0, len(details))
	for i, detail := range details {
		e := &event.Event{Source: "shop", DetailType: detailType, Detail: []byte(detail)}
		e.ID, e.Meta.Received, e.Time = journal.NewEventID(at.At(i)), at.At(i).Time(), at.At(i).Time()
		s.catalog.SetKind(e)
		told, err := state.Told(s.catalog, e)
		if err != nil {
			s.t.Fatal(err)
		}
		e.Meta.TellsState = told != nil
		meta, err := e.Meta.AppendBinary(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		entries = append(entries, journal.Entry{Record: journal.Record{Seq: at.At(i), Meta: meta, Envelope: e.AppendEnvelope(nil)}, Object: told})
		if first == nil {
			first = e
		}
	}
	if err := s.journal.Append(entries); err != nil {
		s.t.Fatal(err)
	}
	at.Release()
	for i := range entries {
		if o := entries[i].Object; o != nil {
			s.Changed(o)
		}
	}
	return first
}

// want compares a state, or why there is none, with what is expected.
func (s *shelf) want(o *state.Object, err error, want string) {
	s.t.Helper()
	got := ""
	switch {
	case err != nil:
		got = err.Error()
	case o.Gone:
		got = "gone"
	default:
		got = string(o.State)
	}
	if got != want && (err == nil || !strings.Contains(got, want)) {
		s.t.Errorf("got %s, want %s", got, want)
	}
}

func (s *shelf) now(want string) {
	s.t.Helper()
	o, err := s.Get("order", "1", "")
	s.want(o, err, want)
}

func (s *shelf) at(at time.Time, want string) {
	s.t.Helper()
	o, err := s.At("order", "1", at)
	s.want(o, err, want)
}

// rebuild rebuilds the orders, and returns what was done.
func (s *shelf) rebuild() *state.Rebuild {
	s.t.Helper()
	if _, err := s.Rebuild("order"); err != nil {
		s.t.Fatal(err)
	}
	return s.run()
}

// run works on rebuilds until all have ended.
func (s *shelf) run() *state.Rebuild {
	s.t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); s.RunRebuilds(stop) }()
	synctest.Wait()
	close(stop)
	<-ended
	job, err := s.Progress("order")
	if err != nil || job.State != state.RebuildFinished {
		s.t.Errorf("the rebuild: %+v, %v", job, err)
	}
	return job
}

func TestStatesAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, orders)
		defer s.close()
		steps := []struct{ detailType, detail, want string }{
			{"OrderChanged", `{"id":"1","a":1}`, `{"a":1,"id":"1"}`},
			{"OrderCreated", `{"id":"1","b":{"c":1}}`, `{"id":"1","b":{"c":1}}`},
			{"OrderChanged", `{"id":"1","b":{"c":null,"d":2.50}}`, `{"b":{"d":2.50},"id":"1"}`},
			{"ItemAdded", `{"id":"1","item":"x"}`, `{"id":"1","items":["x"]}`},
			{"ItemAdded", `{"id":"1","item":{"n":7}}`, `{"id":"1","items":["x",{"n":7}]}`},
			{"OrderPurged", `{"id":"1"}`, `gone`},
			{"ItemAdded", `{"id":"1","item":"y"}`, `{"id":"1","items":["y"]}`}, // made again
			{"OrderChanged", `{"id":"1","deleted":true}`, `gone`},
			{"OrderChanged", `{"id":"1","z":1}`, `{"id":"1","z":1}`},
		}
		var times []time.Time
		for i, step := range steps {
			e := s.send(step.detailType, step.detail)
			s.send("OrderChanged", `{"id":"2","other":true}`)
			times = append(times, e.Meta.Received)
			s.now(step.want)
			time.Sleep(41 * time.Minute) // so that the index has many hours
			if i%3 == 1 {
				if err := s.Flush(nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, at := range times {
			s.at(at, steps[i].want)
			s.at(at.Add(time.Hour/2), steps[i].want)
		}
		s.at(times[0].Add(-1), "was not there yet")
		s.at(time.Now().Add(time.Second), "that moment has not come")
		page, err := s.History("order", "1", "", 100)
		if err != nil || len(page.Changes) != len(steps) || page.Next != "" {
			t.Fatalf("%d changes, next %q, %v", len(page.Changes), page.Next, err)
		}
		slices.Reverse(page.Changes)
		for i, c := range page.Changes {
			o, err := s.Get("order", "1", c.Version)
			s.want(o, err, steps[i].want)
			if !c.At.Equal(times[i]) || c.DetailType != steps[i].detailType || c.Gone != (steps[i].want == "gone") || !c.Gone && string(c.State) != steps[i].want {
				t.Errorf("change %d: %+v, state %s", i, c, c.State)
			}
		}
	})
}

func TestHistoryIsPaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, orders)
		defer s.close()
		for i := range 10 {
			s.send("OrderChanged", fmt.Sprintf(`{"id":"1","k%d":1}`, i), `{"id":"2"}`)
			time.Sleep(25 * time.Minute)
		}
		whole, err := s.History("order", "1", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		var paged []state.Change
		cursor := ""
		for more := true; more; more = cursor != "" {
			page, err := s.History("order", "1", cursor, 3)
			if err != nil {
				t.Fatal(err)
			}
			paged, cursor = append(paged, page.Changes...), page.Next
		}
		if !reflect.DeepEqual(paged, whole.Changes) || len(paged) != 10 {
			t.Errorf("in pages %+v\nas one %+v", paged, whole.Changes)
		}
		other, err := s.History("order", "2", "", 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, cursor := range []string{other.Next, "1", "x", "-1", "0" + paged[2].Version, "18446744073709551615"} {
			var bad *state.BadRequest
			if _, err := s.History("order", "1", cursor, 3); !errors.As(err, &bad) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
		if _, err := s.History("order", "3", "", 3); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("of no object: %v", err)
		}
	})
}

func TestAFoldThatFailsLeavesTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, `types:
  - {name: Added, kind: event, object: order, key: detail.id, fold: '{"sum": (state?.sum ?? 0) + event.detail.n}'}
  - {name: Grown, kind: event, object: order, key: detail.id, fold: '{"sum": 1, "s": repeat("x", 2000000)}'}
`)
		defer s.close()
		s.send("Added", `{"id":"1","n":1}`)
		bad := s.send("Added", `{"id":"1","n":"x"}`)
		s.send("Grown", `{"id":"1"}`)
		last := s.send("Added", `{"id":"1","n":2}`)
		for range 2 { // before and after the snapshot
			o, err := s.Get("order", "1", "")
			s.want(o, err, `{"sum":3}`)
			if o.Failed != 2 || o.Fault == nil || !strings.Contains(o.Fault.Message, "longer than 1 MiB") || o.EventID != last.ID {
				t.Errorf("got %+v, %+v", o, o.Fault)
			}
			o, err = s.At("order", "1", bad.Meta.Received)
			s.want(o, err, `{"sum":1}`)
			if o.Failed != 1 || o.Fault.EventID != bad.ID || !strings.Contains(o.Fault.Message, "invalid operation") {
				t.Errorf("got %+v, %+v", o, o.Fault)
			}
			page, err := s.History("order", "1", "", 10)
			if err != nil || page.Changes[0].Fault != "" || page.Changes[1].Fault == "" || page.Changes[2].Fault == "" || string(page.Changes[2].State) != `{"sum":1}` {
				t.Errorf("history %+v, %v", page, err)
			}
			if err := s.Flush(nil); err != nil {
				t.Fatal(err)
			}
		}
		if s.failed != 2 {
			t.Errorf("%d faults counted, want 2", s.failed)
		}
		told := s.logs.All()
		if len(told) != 1 || told[0].ContextMap()["trace_id"] != event.TraceID(told[0].ContextMap()["event_id"].(string), &bad.Meta) {
			t.Errorf("the log: %v", told)
		}
	})
}

// told is an event of the model.
type told struct {
	at               time.Time
	detailType, text string
}

// fold folds the events of the model up to a moment, by a simple reading of the catalog.
func fold(events []told, at time.Time) (state string, known bool) {
	var now map[string]any
	for _, e := range events {
		if e.at.After(at) {
			break
		}
		known = true
		var detail map[string]any
		_ = json.Unmarshal([]byte(e.text), &detail)
		switch e.detailType {
		case "OrderCreated", "Customer":
			now = detail
		case "OrderChanged":
			if now == nil {
				now = map[string]any{}
			}
			for k, v := range detail {
				if now[k] = v; v == nil {
					delete(now, k)
				}
			}
		case "ItemAdded":
			items, _ := now["items"].([]any)
			now = map[string]any{"id": detail["id"], "items": append(slices.Clone(items), detail["item"])}
		case "OrderPurged":
			now = nil
		}
	}
	if now == nil {
		return "gone", known
	}
	text, _ := json.Marshal(now)
	return string(text), known
}

// TestEveryMomentThatIsKept compares states with those of a model: events at random, also faster
// than the clock, retention, snapshots, restarts and rebuilds.
func TestEveryMomentThatIsKept(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { moments(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func moments(t *testing.T, rng *rand.Rand) {
	s := newShelf(t, orders)
	defer s.close()
	events := map[[2]string][]told{}
	types := []string{"OrderCreated", "OrderChanged", "OrderChanged", "ItemAdded", "ItemAdded", "OrderPurged", "Customer", "Customer"}
	for range 200 {
		switch rng.IntN(24) {
		default:
			key := fmt.Sprint(rng.IntN(3))
			detail := fmt.Sprintf(`{"id":%q,"k%d":%d,"k%d":null,"item":%d}`, key, rng.IntN(3), rng.IntN(9), 3+rng.IntN(2), rng.IntN(9))
			name := types[rng.IntN(len(types))]
			kind := "order"
			if name == "Customer" {
				kind = "customer"
			}
			e := s.send(name, detail)
			events[[2]string{kind, key}] = append(events[[2]string{kind, key}], told{e.Meta.Received, name, detail})
		case 0, 1, 2, 3:
			time.Sleep(time.Duration(rng.IntN(100)) * time.Minute)
		case 4:
			if err := s.Flush(nil); err != nil {
				t.Fatal(err)
			}
		case 5, 6:
			if _, err := s.journal.Trimmer.Trim(store.Retention{MaxAge: time.Duration(1+rng.IntN(40)) * time.Hour}); err != nil {
				t.Fatal(err)
			}
		case 7:
			s.close()
			s.open()
		case 8:
			s.rebuild()
		}
		for _, of := range slices.SortedFunc(maps.Keys(events), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			all := events[of]
			at := time.Now().Add(-time.Duration(rng.Int64N(int64(48 * time.Hour))))
			if rng.IntN(3) == 0 {
				at = all[rng.IntN(len(all))].at
			}
			s.moment(of, all, at)
		}
	}
	for of, all := range events {
		for _, e := range all {
			s.moment(of, all, e.at)
			s.moment(of, all, e.at.Add(-1))
		}
		want, _ := fold(all, time.Now().Add(time.Hour)) // the clock may be behind the numbers
		o, err := s.Get(of[0], of[1], "")
		s.want(alike(t, o), err, want)
	}
}

// alike writes a state's text as the model does.
func alike(t *testing.T, o *state.Object) *state.Object {
	if o == nil || o.Gone {
		return o
	}
	var v any
	if err := json.Unmarshal(o.State, &v); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(v)
	o.State = text
	return o
}

// moment compares a state at a moment with the model's.
func (s *shelf) moment(of [2]string, all []told, at time.Time) {
	s.t.Helper()
	o, err := s.At(of[0], of[1], at)
	want, known := fold(all, at)
	var lost *state.NotKept
	last := all[len(all)-1].at
	switch {
	case journal.SeqAt(at) < s.journal.Seqs.Oldest() && at.Before(last):
		if !errors.As(err, &lost) {
			s.t.Errorf("%s before what is kept: %+v, %v", of, o, err)
		}
	case !known:
		if !errors.Is(err, journal.ErrNotFound) {
			s.t.Errorf("%s before its first event: %+v, %v", of, o, err)
		}
	default:
		s.want(alike(s.t.(*testing.T), o), err, want)
	}
}
