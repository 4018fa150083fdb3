package diff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/rules"
	"signalbox/rules/pattern"
)

const served = `
buses: {shop: {}}
targets:
  mail: {type: log}
  stock: {type: log, order_by: detail.item}
rules:
  - name: all
    pattern: {source: [shop]}
    targets: [{target: mail}]
  - name: big
    pattern: {source: [shop], detail: {total: [{numeric: [">", 100]}]}}
    targets: [{target: stock, input_path: $.detail.total}]
  - name: quiet
    state: shadow
    pattern: {source: [shop]}
    when: detail.total > 200
    targets: [{target: stock, input_path: $.detail.item}]
`

// load reads rules.
func load(t testing.TB, text string) *rules.Set {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{"."}, Dir: dir, Account: "000000000000", Region: "local"})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// routed is a store whose events a router has accepted by some rules.
type routed struct {
	*store.Journal
	router *router.Router
	set    *rules.Set
}

func route(t testing.TB, set *rules.Set, evs ...*event.Event) *routed {
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
	r, err := router.New(router.Options{Journal: j}, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	errs, err := r.Accept(context.Background(), evs)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return &routed{Journal: j, router: r, set: set}
}

// options compare all that was accepted with other rules.
func (r *routed) options(set *rules.Set) Options {
	return Options{Events: r.Events, Before: r.set, After: set, Since: time.Unix(1, 0), Until: time.Now().Add(time.Hour), Samples: 2}
}

func run(t testing.TB, o Options) *Result {
	t.Helper()
	got, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// orders are events with totals of 50, 100, and so on.
func orders(n int) (evs []*event.Event) {
	for i := range n {
		evs = append(evs, &event.Event{Source: "shop", DetailType: "OrderCreated", Detail: fmt.Appendf(nil, `{"total": %d, "item": "i-%d"}`, 50*(i+1), i%3)})
	}
	return evs
}

func TestChanges(t *testing.T) {
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	tests := []struct {
		name string
		edit func(string) string
		want Counts
		// why is what the samples tell.
		why []string
	}{
		{"nothing", replace(), Counts{}, nil},
		{"only comments", replace("rules:", "# other\nrules:"), Counts{}, nil},
		{"a pattern that takes more", replace(`[">", 100]`, `[">=", 100]`), Counts{Gained: 1}, []string{"detail.total: 100, wanted numeric > 100"}},
		{"a pattern that takes fewer", replace(`[">", 100]`, `[">", 200]`), Counts{Lost: 2}, []string{"detail.total: 150, wanted numeric > 200", "detail.total: 200, wanted numeric > 200"}},
		{"a rule that is gone", replace("- name: big", "- name: big\n    state: disabled"), Counts{Lost: 4}, []string{"the rule is disabled", "the pattern matches"}},
		{"a rule in state shadow", replace("- name: big", "- name: big\n    state: shadow"), Counts{Lost: 4}, []string{"it counts events, and sends nothing"}},
		{"a paused rule only waits", replace("- name: big", "- name: big\n    state: paused"), Counts{}, nil},
		{"a shadow rule that is enabled", replace("state: shadow", "state: enabled"), Counts{Gained: 2}, []string{"the rule is in state shadow"}},
		{"a condition", replace("- name: big", "- name: big\n    when: detail.total != 300"), Counts{Lost: 1}, []string{"the condition does not hold: detail.total != 300"}},
		{"a condition that fails", replace("- name: big", "- name: big\n    when: detail.none.such > 1"), Counts{Lost: 4}, []string{"the condition failed on this event"}},
		{"another body", replace("$.detail.total", "$.detail"), Counts{Changed: 4}, []string{"body"}},
		{"a body that says the same", replace("input_path: $.detail.total", "transform: detail.total"), Counts{}, nil},
		{"a body that can't be rendered", replace("$.detail.total", "$.detail.none"), Counts{Changed: 4}, []string{"the event has no such value"}},
		{"another ordering key", replace("order_by: detail.item", "order_by: source"), Counts{Changed: 4}, []string{`ordering key: "i-2" before, "shop" after`}},
		{"another target", replace("target: mail", "target: stock"), Counts{Gained: 6, Lost: 6}, []string{"has no such target after", "has no such target before"}},
		{"another name", replace("name: big", "name: large"), Counts{Moved: 4}, nil},
		{"two rules in place of one", replace("- name: big", "- {name: huge, pattern: {detail: {total: [{numeric: [\">\", 200]}]}}, targets: [{target: stock, input_path: $.detail.total}]}\n  - name: big\n    when: detail.total <= 200"), Counts{Moved: 2}, nil},
		{"an entry more", replace("[{target: mail}]", "[{target: mail}, {target: stock, id: again}]"), Counts{Gained: 6}, []string{"has no such target before"}},
	}
	now := route(t, load(t, served), orders(6)...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, now.options(load(t, tt.edit(served))))
			if got.Counts != tt.want || got.Events != 6 || got.Before != 10 {
				t.Errorf("got %+v of %d events and %d deliveries, want %+v", got.Counts, got.Events, got.Before, tt.want)
			}
			why := reasons(got)
			for _, want := range tt.why {
				if !strings.Contains(why, want) {
					t.Errorf("the samples tell %q, not %q", why, want)
				}
			}
			if tt.why == nil && why != "" {
				t.Errorf("the samples tell %q", why)
			}
			if diff := got.After - got.Before; diff != got.Gained-got.Lost {
				t.Errorf("%d deliveries more, though %d are gained and %d lost", diff, got.Gained, got.Lost)
			}
		})
	}
}

// TestHTTPParametersAreCompared: those of the same rules are the same, also where the event tells them.
func TestHTTPParametersAreCompared(t *testing.T) {
	const served = `
targets: {shop: {type: http, url: "http://127.0.0.1:1/orders/*", paused: true}}
rules: [{name: all, pattern: {source: [shop]}, targets: [{target: shop, http_parameters: {path_parameter_values: [$.detail.item], header_parameters: {X-A: b}}}]}]
`
	now := route(t, load(t, served), orders(3)...)
	for text, changed := range map[string]int{served: 0, strings.Replace(served, "$.detail.item", "$.source", 1): 3, strings.Replace(served, "X-A: b", "X-A: c", 1): 3} {
		if got := run(t, now.options(load(t, text))); got.Changed != changed {
			t.Errorf("%d changed, want %d, with %s", got.Changed, changed, text)
		}
	}
}

// reasons returns all that the samples of a result tell.
func reasons(r *Result) string {
	var all []string
	for _, g := range r.Changes {
		for _, s := range g.Samples {
			all = append(all, s.Why...)
		}
	}
	return strings.Join(all, "; ")
}

// What the comparison counts is what a router with the candidate rules plans.
func TestARouterWithTheCandidatePlansWhatIsCounted(t *testing.T) {
	other := load(t, strings.NewReplacer("100", "220", "target: mail", "target: stock", "shadow", "enabled").Replace(served))
	got := run(t, route(t, load(t, served), orders(50)...).options(other))
	if planned := route(t, other, orders(50)...).router.Accounts().Deliveries.Planned; int(planned) != got.After || got.After == got.Before {
		t.Errorf("%d deliveries are counted before and %d after; a router plans %d", got.Before, got.After, planned)
	}
}

func TestASampleShowsTheDelivery(t *testing.T) {
	evs := orders(3)
	got := run(t, route(t, load(t, served), evs...).options(load(t, strings.Replace(served, "$.detail.total", "$.detail.item", 1))))
	if len(got.Changes) != 1 || len(got.Changes[0].Samples) != 1 {
		t.Fatalf("got %+v", got)
	}
	s := got.Changes[0].Samples[0]
	if s.EventID != evs[2].ID || s.Change != Changed || s.Source != "shop" || s.DetailType != "OrderCreated" || s.Received.IsZero() ||
		*s.Before != (Content{Body: "150", OrderingKey: "i-2"}) || *s.After != (Content{Body: `"i-2"`, OrderingKey: "i-2"}) {
		t.Errorf("got %+v, before %+v, after %+v", s, s.Before, s.After)
	}
	if want := 25.0; got.Change != want {
		t.Errorf("a change of %v %%, want %v", got.Change, want)
	}
}

func TestWhichEventsAreCompared(t *testing.T) {
	evs := orders(4)
	evs[1].Meta.Synthetic, evs[2].Meta.Bus = true, "shop"
	now := route(t, load(t, served), evs...)
	byPattern, err := pattern.Parse([]byte(`{"detail": {"item": ["i-0"]}}`), pattern.Options{Extensions: true})
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) time.Time { return evs[i].Meta.Received }
	tests := []struct {
		name      string
		change    func(*Options)
		events    int
		synthetic int
	}{
		{"all but synthetic ones", func(*Options) {}, 3, 1},
		{"one bus", func(o *Options) { o.Bus = "shop" }, 1, 0},
		{"the default bus", func(o *Options) { o.Bus = "default" }, 2, 1},
		{"a pattern", func(o *Options) { o.Pattern = byPattern }, 2, 0},
		{"since then", func(o *Options) { o.Since = at(2) }, 2, 0},
		{"until then", func(o *Options) { o.Until = at(2) }, 1, 1},
		{"a time without events", func(o *Options) { o.Until = at(0) }, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := now.options(now.set)
			tt.change(&o)
			got := run(t, o)
			if got.Events != tt.events || got.Synthetic != tt.synthetic || got.Total() != 0 || got.Partial {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestARangeThatCanNotBeRight(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	many := MaxSamples + 1
	tests := []struct {
		name string
		r    Range
		want string
	}{
		{"the future", Range{Since: now.Add(time.Hour)}, "since 2026-03-02T13:00:00Z: lies in the future; it is 2026-03-02T12:00:00Z"},
		{"nothing between", Range{Since: now.Add(-time.Hour), Until: now.Add(-2 * time.Hour)}, "since 2026-03-02T11:00:00Z is not before until 2026-03-02T10:00:00Z"},
		{"too many samples", Range{Samples: &many}, "samples 101: write a number from 0 to 100"},
		{"no pattern", Range{Pattern: []byte(`{"detail": 1}`)}, "pattern: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var wrong *RangeError
			if err := tt.r.Apply(new(Options), now); !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	var o Options
	if err := new(Range).Apply(&o, now); err != nil || !o.Until.Equal(now) || !o.Since.Equal(now.Add(-DefaultSince)) || o.Samples != DefaultSamples {
		t.Errorf("the default is %+v (%v)", o, err)
	}
}

func TestCheck(t *testing.T) {
	now := route(t, load(t, served), orders(6)...)
	got := run(t, now.options(load(t, strings.Replace(served, "100", "200", 1))))
	err := got.Check(19)
	if _, ok := errors.AsType[*Exceeded](err); !ok || !strings.Contains(err.Error(), "would change 20% of the deliveries, and the most is 19%: of 6 events since 1970-01-01T00:00:01Z, 0 gained, 2 lost, 0 changed") {
		t.Errorf("got %v", err)
	}
	if err := got.Check(20); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestNotes(t *testing.T) {
	evs := orders(3)
	evs[0].Meta.Synthetic, evs[1].Meta.Bus = true, "shop"
	now := route(t, load(t, served), evs...)
	got := run(t, now.options(load(t, `
targets:
  mail: {type: log, timeout: 9s}
  pass: {type: bus, bus: default}
rules:
  - name: all
    pattern: {source: [shop]}
    kind: event
    targets: [{target: mail}, {target: pass}]
`)))
	for _, want := range []string{
		"1 synthetic event: left out", "bus shop is gone: 1 event would be refused", "deliveries to pass lead to events",
		"the configuration of mail differs", "all choose by kind",
	} {
		if !strings.Contains(strings.Join(got.Notes, "\n"), want) {
			t.Errorf("the notes are %q, without %q", got.Notes, want)
		}
	}
	if got := run(t, now.options(load(t, served))); len(got.Notes) != 1 {
		t.Errorf("the notes of equal rules are %q", got.Notes)
	}
}

func TestAShadowRuleShowsWhatItWouldSend(t *testing.T) {
	now := route(t, load(t, served), orders(6)...)
	o := now.options(now.set)
	o.Enable = now.set.Rule("default", "quiet")
	got := run(t, o)
	if got.Counts != (Counts{Gained: 2}) || got.Before != 0 || got.After != 2 || len(got.Changes) != 1 || got.Changes[0].Rule != "quiet" {
		t.Fatalf("got %+v", got)
	}
	if s := got.Changes[0].Samples; len(s) != 2 || s[0].After.Body != `"i-1"` || s[0].Before != nil {
		t.Errorf("the samples are %+v", s)
	}
}

// slow is events of hours, each of which takes a millisecond to read.
type slow struct {
	now    time.Time
	events int // one for each second
	read   int
	fails  error
}

func (s *slow) Between(from, before journal.Seq, fn func(journal.Record) bool) error {
	for i := s.events; i > 0; i-- {
		at := journal.SeqAt(s.now.Add(-time.Duration(i) * time.Second))
		if at < from || at >= before {
			continue
		}
		time.Sleep(time.Millisecond)
		s.read++
		e := event.Event{ID: fmt.Sprint(i), Source: "shop", DetailType: "OrderCreated", Time: at.Time(), Detail: []byte(`{"total": 150, "item": "x"}`)}
		if !fn(journal.Record{Seq: at, Envelope: e.AppendEnvelope(nil), Meta: must(e.Meta.AppendBinary(nil))}) {
			return s.fails
		}
	}
	return s.fails
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestTheLatestEventsFirstWhereTimeIsShort(t *testing.T) {
	a, b := load(t, served), load(t, strings.Replace(served, "100", "200", 1))
	for _, hours := range []int{1, 24} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			events := &slow{now: now, events: hours * 3600}
			since := now.Add(-time.Duration(hours) * time.Hour)
			got := run(t, Options{Events: events, Before: a, After: b, Since: since, Until: now, Within: 10 * time.Second, Workers: 2})
			took := time.Since(now)
			if took > 11*time.Second {
				t.Errorf("%d hours took %v", hours, took)
			}
			if got.Partial != (hours == 24) || got.Lost != got.Events || got.Events == 0 {
				t.Errorf("%d hours: got %+v", hours, got)
			}
			// What is told of is a range without a gap.
			if want := int(now.Sub(got.Since) / time.Second); got.Events != want || got.Since.Before(since) {
				t.Errorf("%d events since %v, want %d", got.Events, got.Since, want)
			}
		})
	}
}

func TestAComparisonEndsWhenItIsToldTo(t *testing.T) {
	a := load(t, served)
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the segment is damaged")
		events := &slow{now: time.Now(), events: 3600, fails: broken}
		o := Options{Events: events, Before: a, After: a, Since: time.Now().Add(-time.Hour), Until: time.Now()}
		if _, err := Run(context.Background(), o); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		events.read, events.fails = 0, nil
		if _, err := Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) || events.read > 2000 {
			t.Errorf("got %v after %d events", err, events.read)
		}
	})
}

func TestSamplesAreTheOldestWhoeverFoundThem(t *testing.T) {
	a, b := load(t, served), load(t, strings.Replace(served, "100", "200", 1))
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		o := Options{Events: &slow{now: now, events: 2000}, Before: a, After: b, Since: now.Add(-time.Hour), Until: now, Samples: 3, Workers: 4}
		got := run(t, o)
		var ids []string
		for _, s := range got.Changes[0].Samples {
			ids = append(ids, s.EventID)
		}
		if !slices.Equal(ids, []string{"2000", "1999", "1998"}) {
			t.Errorf("the samples are %v", ids)
		}
	})
}

func TestADamagedEventHidesNoOther(t *testing.T) {
	a := load(t, served)
	got := run(t, Options{Events: damaged{}, Before: a, After: a, Since: time.Unix(1, 0), Until: time.Now()})
	if got.Unreadable != 1 || got.Events != 1 || !strings.Contains(strings.Join(got.Notes, ""), "1 event can't be read") {
		t.Errorf("got %+v", got)
	}
}

type damaged struct{}

func (damaged) Between(_, _ journal.Seq, fn func(journal.Record) bool) error {
	_ = fn(journal.Record{Seq: 1, Envelope: []byte("{")}) && fn(journal.Record{Seq: 2, Envelope: []byte(`{"source":"shop","detail":{}}`), Meta: must(new(event.Metadata).AppendBinary(nil))})
	return nil
}
