package api_test

import (
	"strings"
	"testing"
)

func TestTrace(t *testing.T) {
	w := newWorld(t)
	id := w.accept("250")[0]
	w.letters(1)
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/events/" + id + "/trace", 200, `"state":"dead"`},
		{"/v1/events/" + id + "/trace?limit=1", 200, `"events":1`},
		{"/v1/traces/" + id, 200, `"correlation":true`},
		{"/v1/events/nope/trace", 404, `no event \"nope\" is kept`},
		{"/v1/traces/nope", 404, "events are kept as long as retention says, here since 2"},
		{"/v1/events/" + id + "/trace?limit=0", 400, "write a number from 1 to 10000"},
		{"/v1/events/" + id + "/trace?limit=x", 400, "write a number from 1 to 10000"},
	} {
		t.Run(tt.path, func(t *testing.T) { w.ask("GET", tt.path, "", tt.status, tt.want) })
	}
	trace, err := w.client.Events.Trace(t.Context(), id, 0)
	must(t, err)
	if len(trace.Roots) != 1 || len(trace.Roots[0].Deliveries) != 2 {
		t.Errorf("got %+v", trace)
	}
	if _, err := w.client.Events.Trace(t.Context(), "a/b", 0); err == nil || !strings.Contains(err.Error(), `"a/b"`) {
		t.Errorf("an unknown id with a slash: %v", err)
	}
}
