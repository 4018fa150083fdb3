package ingest

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"signalbox/event"
)

// TestAnswersAreThoseOfTheEncoder: what is written without the encoder of JSON is what it
// would write.
func TestAnswersAreThoseOfTheEncoder(t *testing.T) {
	for _, ids := range [][]string{
		{"0197b6a0-0000-7000-8000-000000000001"}, {"a", "b", "c"}, {`quoted "`}, {`back\slash`}, {"<&>"}, {"é"}, {"tab\t"}, {"del\x7f"}, {"a", ""},
	} {
		var events []*event.Event
		want := answer{}
		for _, id := range ids {
			events = append(events, &event.Event{ID: id})
			want.Events = append(want.Events, result{ID: id})
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if o := answerEvents(w, events, make([]*problem, len(ids))); o != outcomeAccepted || w.Code != 200 {
			t.Errorf("%q: %v, %d", ids, o, w.Code)
		}
		var got, wanted any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%q: %v in %s", ids, err, w.Body)
		}
		if err := json.Unmarshal(text, &wanted); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(got)
		if b, _ := json.Marshal(wanted); string(a) != string(b) || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("got %s, want %s", a, b)
		}
	}
}
