package diff

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
)

// BenchmarkDiff compares a million events of 600 bytes in a store on disk: a hundred rules, of
// which a tenth is changed; each event has a delivery or two.
func BenchmarkDiff(b *testing.B) {
	const events = 1_000_000
	j := filled(b, events)
	before, after := companyRules(b, 0), companyRules(b, 100)
	o := Options{Events: j.Events, Before: before, After: after, Since: time.Unix(1, 0), Until: time.Now().Add(time.Hour), Samples: 3}
	b.ReportAllocs()
	for b.Loop() {
		got, err := Run(context.Background(), o)
		if err != nil || got.Events != events || got.Before < events || got.Total() == 0 {
			b.Fatalf("got %+v, %v", got, err)
		}
	}
	b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// filled returns a store on disk with so many events.
func filled(b *testing.B, n int) *store.Journal {
	j, err := store.Open(b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	const batch = 1000
	filler := strings.Repeat("x", 300)
	for i := 0; i < n; i += batch {
		at := j.Seqs.Reserve(batch)
		entries := make([]journal.Entry, batch)
		for k := range entries {
			entries[k].Record = record(at.At(k), i+k, filler)
		}
		if err := j.Append(entries); err != nil {
			b.Fatal(err)
		}
		at.Release()
	}
	return j
}

func record(s journal.Seq, i int, filler string) journal.Record {
	e := event.Event{
		ID: journal.NewEventID(s), Source: fmt.Sprintf("shop.region-%d", i%100), DetailType: "OrderCreated", Account: "000000000000", Region: "local", Time: s.Time(),
		Detail: fmt.Appendf(nil, `{"id": "o-%d", "total": %d, "paid": 10, "customer": {"id": "c-%d", "tier": "gold"}, "filler": "%s"}`, i, i%1000, i%500, filler),
	}
	e.Meta.Bus, e.Meta.Received = rules.DefaultBus, s.Time()
	return journal.Record{Seq: s, Meta: must(e.Meta.AppendBinary(nil)), Envelope: e.AppendEnvelope(nil)}
}

// companyRules are a rule for each region, every fifth with a condition and every fourth with a body of
// its own, and one for all. The first ten have another least total.
func companyRules(b *testing.B, least int) *rules.Set {
	var text strings.Builder
	text.WriteString("targets: {all: {type: log}, region: {type: log}}\nrules:\n  - {name: all, pattern: {detail-type: [OrderCreated]}, targets: [{target: all}]}\n")
	for i := range 100 {
		least := least
		if i >= 10 {
			least = 0
		}
		fmt.Fprintf(&text, "  - name: region-%d\n    pattern: {source: [shop.region-%d], detail: {customer: {tier: [gold, silver]}, total: [{numeric: [\">\", %d]}]}}\n", i, i, least)
		if i%5 == 0 {
			text.WriteString("    when: detail.total > detail.paid + 1\n")
		}
		text.WriteString("    targets: [{target: region")
		if i%4 == 0 {
			fmt.Fprintf(&text, ", input_transformer: {input_paths_map: {id: $.detail.id}, input_template: '{\"order\": <id>, \"of\": %d}'}", least)
		}
		text.WriteString("}]\n")
	}
	return load(b, text.String())
}
