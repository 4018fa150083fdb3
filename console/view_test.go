package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/journal"
	"signalbox/trace"
)

func TestJSONLines(t *testing.T) {
	const text = `{"source":"a","detail":{"total":90,"a.b: \"c":[1,{"x":null}],"none":{},"word":true},"z":[]}`
	var got []string
	for _, l := range jsonLines([]byte(text), map[string][]string{"detail.total": {"90, wanted numeric > 100"}}) {
		line := fmt.Sprintf("%d %s|%s|%s|%s", l.Depth, l.Key, l.Text, l.Kind, l.Path)
		if len(l.Marks) > 0 {
			line += " !" + l.Marks[0]
		}
		got = append(got, line)
	}
	want := []string{
		"0 |{||", `1 "source"|"a",|string|source`, `1 "detail"|{||detail`, `2 "total"|90,|number|detail.total !90, wanted numeric > 100`,
		`2 "a.b: \"c"|[||detail.a.b: "c`, `3 |1,|number|detail.a.b: "c`, `3 |{||detail.a.b: "c`, `4 "x"|null|word|detail.a.b: "c.x`,
		"3 |}||", "2 |],||", `2 "none"|{},||detail.none`, `2 "word"|true|word|detail.word`, "1 |},||", `1 "z"|[]||z`, "0 |}||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if lines := jsonLines([]byte(`["a\u003e\\u003e\u0026\u00e9\\"]`), nil); lines[1].Text != `"a>\\u003e&\u00e9\\"` {
		t.Errorf("escapes are shown as %s", lines[1].Text)
	}
	if lines := jsonLines([]byte("no \xff JSON\n<b>"), nil); len(lines) != 2 || lines[0].Text != "no \ufffd JSON" {
		t.Errorf("what is no JSON: %+v", lines)
	}
	if lines := jsonLines([]byte(`["`+strings.Repeat("a", 2*maxShown)+`"]`), nil); !strings.HasPrefix(lines[len(lines)-1].Text, "…") {
		t.Error("a large document is not cut off")
	}
}

// TestWaterfall: waits of hours and attempts of milliseconds are all to be seen, in order.
func TestWaterfall(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := &trace.Delivery{
		ID: "d", Rule: "r", Target: "t", State: journal.TouchDelivered, Attempts: 2, Status: 200, At: at.Add(3 * time.Hour), TookMS: 5,
		History: []journal.Attempt{{At: at.Add(10 * time.Millisecond), Attempt: 1, Code: "TIMEOUT", Message: "slow", TookMS: 8}},
		Derived: []*trace.Event{{ID: "2", DetailType: "Next", Received: at.Add(4 * time.Hour)}},
	}
	w := newWaterfall(&trace.Trace{Roots: []*trace.Event{{ID: "1", DetailType: "First", Received: at, Deliveries: []*trace.Delivery{d}}}}, at)
	var got []string
	for _, r := range w.Rows {
		got = append(got, fmt.Sprintf("%d %s %s %s %s %s", r.Depth, r.Kind, r.Label, r.State, r.After, r.Took))
		before := -1.0
		for _, b := range r.Bars {
			if b.X < before || b.Width <= 0 || b.X+b.Width > drawnWidth {
				t.Errorf("%s: a bar at %v of %v", r.Label, b.X, b.Width)
			}
			before = b.X
		}
	}
	want := []string{
		"0 event First  +0 ms ", "1 delivery t delivered +2 ms 3 h", "2 attempt attempt 1 failed +2 ms 8 ms", "2 attempt attempt 2 delivered +3 h 5 ms", "2 event Next  +4 h ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if bars := w.Rows[1].Bars; len(bars) != 4 || bars[1].Tone != "bad" || bars[3].Tone != "good" || bars[1].Width < leastBar {
		t.Errorf("the bars of the delivery: %+v", bars)
	}
}

// TestSessionsEnd: logins are bounded in time and in number, and the oldest gives way.
func TestSessionsEnd(t *testing.T) {
	s, now := newSessions(), time.Now()
	s.begin("old", "key", now)
	for n := range maxSessions - 1 {
		s.begin(fmt.Sprint(n), "key", now.Add(time.Second))
	}
	if s.key("old", now) == "" || s.key("old", now.Add(sessionLength)) != "" || s.key("none", now) != "" {
		t.Error("a login does not last as long as it should")
	}
	s.begin("new", "key", now.Add(time.Second))
	if len(s.open) != maxSessions || s.key("old", now) != "" || s.key("new", now) == "" {
		t.Errorf("%d logins are open", len(s.open))
	}
	if s.token("a") == s.token("b") || s.token("a") == newSessions().token("a") {
		t.Error("tokens can be guessed")
	}
}

func TestChart(t *testing.T) {
	all := figures{
		{Name: "delivered", Target: "a", Last: 1, Points: []float64{4, 2}}, {Name: "delivered", Target: "b", Last: 2, Points: []float64{0, 1, 6}},
		{Name: "dead", Target: "a", Last: 9, Points: []float64{9}},
	}
	c := all.of("delivered", "", "", "")
	if c.Last != 3 || !slices.Equal(c.Points, []float64{0, 5, 8}) || c.Max() != 8 {
		t.Errorf("the sum is %+v", c)
	}
	if line := c.Line(); line != "M231.9 39.0L235.9 15.2L240.0 1.0" || c.Area() != line+"L240 40L231.9 40Z" {
		t.Errorf("the line is %s, the area %s", line, c.Area())
	}
	if c := all.of("delivered", "none", "", ""); c.Line() != "" || c.Area() != "" || c.Table() != nil {
		t.Errorf("nothing is drawn as %+v", c)
	}
	if c := (chart{Points: make([]float64, 25)}); len(c.Table()) != 3 || strings.Contains(c.Line(), "NaN") {
		t.Errorf("zeros are drawn as %s", c.Line())
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		number(uint64(1234567)): "1,234,567", number(12): "12", span(1500 * time.Microsecond): "1.5 ms", span(90 * time.Second): "90 s", span(25 * time.Hour): "25 h", span(0): "0 ms",
		rate(0): "0", rate(0.04): "0.04", rate(3.14): "3.1", rate(12345): "12,345", coarse(90 * time.Minute): "1 h", quoted("it's"): `'it'\''s'`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
