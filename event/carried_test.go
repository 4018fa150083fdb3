package event

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestPathHeader(t *testing.T) {
	path := []Hop{{"e-1", "Order, Created; no?", "default", "größe", "nats"}, {"e-2", "", "b", "r", "t"}}
	header := func(path []Hop) string {
		last := len(path) - 1
		return string(AppendPathHeader(nil, path[:last], &path[last]))
	}
	text := header(path)
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			t.Errorf("%q can't stand in a header", text)
		}
	}
	if got := parsePath(text); !reflect.DeepEqual(got, path) {
		t.Errorf("%q: got %v, want %v", text, got, path)
	}
	for i := range 50 {
		path = append(path, Hop{EventID: fmt.Sprint(i), DetailType: strings.Repeat("x", 50)})
	}
	got := parsePath(header(path))
	if n := len(got); n < 10 || n > 20 || !reflect.DeepEqual(got, path[len(path)-n:]) {
		t.Errorf("of a long path %d hops are left: %v", n, got)
	}
	for _, bad := range []string{"", "a", "a;b;c;d", "%zz;b;c;d;e", "%ff;b;c;d;e", strings.Repeat("a", MaxPathHeader+1)} {
		if got := parsePath(bad); got != nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

func TestHopsOfHeaders(t *testing.T) {
	for _, tt := range []struct {
		header string
		n      int
		want   []int
	}{
		{"", 1, []int{0}},
		{"3", 1, []int{3}},
		{"3", 2, []int{3, 3}},
		{"3, 1", 2, []int{3, 1}},
		{"3,1,7", 2, []int{7, 7}},
		{"-1", 1, []int{0}},
		{"99999999999999999999", 1, []int{0}},
		{"a,2", 2, []int{0, 2}},
	} {
		c := ReadHeaders(http.Header{HeaderHops: {tt.header}}.Get)
		var events []*Event
		for range tt.n {
			events = append(events, &Event{})
		}
		c.Mark(events)
		for i, e := range events {
			if e.Meta.Hops != tt.want[i] {
				t.Errorf("%q: event %d of %d has %d hops, want %d", tt.header, i, tt.n, e.Meta.Hops, tt.want[i])
			}
		}
	}
}

func TestTypeIn(t *testing.T) {
	for _, name := range []string{"OrderCreated", `a "quoted" \ one`, "größe", ""} {
		e := &Event{ID: `id "1" \`, DetailType: name, Source: "s", Detail: []byte(`{"detail-type":"other"}`)}
		if got := TypeIn(e.AppendEnvelope(nil)); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
	for _, text := range []string{"", "{}", `{"version":"0","id":"1","detail-type":"x`, `{"version":"0","id":"1\`, `{"id":"1","detail-type":"x"}`} {
		if got := TypeIn([]byte(text)); got != "" {
			t.Errorf("%s: got %q", text, got)
		}
	}
}
