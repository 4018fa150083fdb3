package api_test

import (
	"strings"
	"testing"

	"signalbox/api"
)

func TestExplain(t *testing.T) {
	w := newWorld(t)
	x, err := w.client.Events.Explain(t.Context(), "", []byte(`{"source":"shop.orders","detail-type":"OrderCreated","detail":{"total":90,"paid":90}}`))
	must(t, err)
	if len(x.Matched) != 1 || x.Matched[0].Name != "watched" || !strings.Contains(x.Matched[0].Notes[0], "shadow") {
		t.Errorf("matched %+v, want watched, in shadow", x.Matched)
	}
	var got []string
	for _, r := range x.Unmatched {
		line := r.Name + ": " + strings.Join(r.Notes, "; ")
		for _, f := range r.Failures {
			line += f.String() + "; "
		}
		got = append(got, line)
	}
	want := []string{
		"off: the rule is disabled; the pattern matches",
		"unpaid: the pattern matches, and the condition does not hold: detail.total > detail.paid",
		"big: detail.total: 90, wanted numeric > 100; ",
		`far: detail-type: "OrderCreated", wanted "Nothing"; source: "shop.orders", wanted "elsewhere"; `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("not matched\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExplainAnEventThatWasTakenIn(t *testing.T) {
	w := newWorld(t)
	id := w.accept("250")[0]
	x, err := w.client.Events.Explain(t.Context(), "", []byte(`{"id":"`+id+`"}`))
	must(t, err)
	if len(x.Matched) != 3 || !strings.Contains(string(x.Event), id) {
		t.Errorf("matched %+v for %s", x.Matched, x.Event)
	}
}

func TestExplainRefuses(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"an unknown id", "/v1/explain", `{"id":"nope"}`, 404, "not found"},
		{"broken JSON", "/v1/explain", `{`, 400, "not valid JSON"},
		{"no source", "/v1/explain", `{"detail-type":"x","detail":{}}`, 400, "source: is required"},
		{"two events", "/v1/explain", `[{},{}]`, 400, "batch of 2"},
		{"an unknown bus", "/v1/explain?bus=nope", `{"source":"s","detail-type":"x","detail":{}}`, 400, "nope"},
		{"a condition that fails is told", "/v1/explain", `{"source":"shop.orders","detail-type":"x","detail":{"total":"a lot"}}`, 200, "the condition failed on this event"},
		{"a detail that is text", "/v1/explain", `{"id":"1","account":"0","region":"r","time":"2024-03-01T12:30:00Z","source":"shop.orders","detail-type":"x","detail":"{}","more":1}`, 200, `"more"`},
		{"several types", "/v1/explain", `{"id":"1","account":"0","region":"r","time":"2024-03-01T12:30:00Z","source":"s","detail-type":["x"]}`, 200, "unmatched"},
		{"a recorded event on an unknown bus", "/v1/explain?bus=nope", `{"id":"1","account":"0","region":"r","time":"2024-03-01T12:30:00Z","source":"s","detail-type":["x"]}`, 400, "nope"},
		{"too much", "/v1/explain", strings.Repeat(" ", api.MaxRequest+1), 413, "over the limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { w.ask("POST", tt.path, tt.body, tt.status, tt.want) })
	}
}
