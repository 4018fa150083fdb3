package event

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func ticket() *Event {
	return &Event{
		ID:         "0197b6a0-0000-7000-8000-000000000001",
		DetailType: "com.example.ticket.created.v1",
		Source:     "com.example/123",
		Account:    "000000000000",
		Time:       time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC),
		Region:     "local",
		Resources:  []string{"ticket/987654321", `a "quoted" one`},
		Detail:     []byte(`{ "ticketId" : 1.50, "department":"billing", "a":1, "a":2, "emoji":"\ud83d\ude00é" }`),
	}
}

func TestAppendEnvelope(t *testing.T) {
	const want = `{"version":"0","id":"0197b6a0-0000-7000-8000-000000000001",` +
		`"detail-type":"com.example.ticket.created.v1","source":"com.example/123","account":"000000000000",` +
		`"time":"2024-03-01T12:30:00Z","region":"local","resources":["ticket/987654321","a \"quoted\" one"],` +
		`"detail":{ "ticketId" : 1.50, "department":"billing", "a":1, "a":2, "emoji":"\ud83d\ude00é" }}`
	if got := string(ticket().AppendEnvelope(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendEnvelopeReplayAndZone(t *testing.T) {
	e := &Event{
		ReplayName: "monday",
		Time:       time.Date(2024, 3, 1, 1, 30, 0, 999_999_999, time.FixedZone("", 2*3600)),
	}
	const want = `{"version":"0","id":"","detail-type":"","source":"","account":"","time":"2024-02-29T23:30:00Z",` +
		`"region":"","replay-name":"monday","resources":[],"detail":{}}`
	if got := string(e.AppendEnvelope(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseEnvelopeIsTheInverse(t *testing.T) {
	want := ticket()
	envelope := want.AppendEnvelope(nil)
	got, err := ParseEnvelope(envelope)
	if err != nil {
		t.Fatal(err)
	}
	clear(envelope) // the event must keep nothing of it
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseEnvelopeRefuses(t *testing.T) {
	tests := map[string]struct{ envelope, want string }{
		"empty":        {``, `SerializationException: the body is not valid JSON: byte 0: expected a JSON object, but the text ends here`},
		"array":        {`[]`, `SerializationException: the body is not valid JSON: byte 0: expected a JSON object, found '['`},
		"trailing":     {`{"id":"1"} x`, `SerializationException: the body is not valid JSON: byte 11: unexpected data after the end of the JSON value`},
		"invalid UTF8": {"{\"id\":\"\xff\"}", `SerializationException: the body is not valid JSON: byte 7: invalid UTF-8: 0xff (send the text in UTF-8)`},
		"twice":        {`{"id":"1","id":"2"}`, `InvalidArgument: id: this key is there twice; send it once`},
		"twice escaped": {`{"id":"1","i\u0064":"2"}`,
			`InvalidArgument: id: this key is there twice; send it once`},
		"wrong type":   {`{"source":5}`, `InvalidArgument: source: expected a string, found a number`},
		"detail":       {`{"detail":[1]}`, `MalformedDetail: detail: expected an object, found an array; wrap it, as in {"data": …}`},
		"far from all": {`{"a":1}`, `InvalidArgument: a: unknown member of an event envelope`},
		"unknown":      {`{"DetailType":"x"}`, `InvalidArgument: DetailType: unknown member of an event envelope (did you mean "detail-type"?)`},
		"version":      {`{"version":"1"}`, `InvalidArgument: version: "1" is not supported, only "0"`},
		"time":         {`{"time":"yesterday"}`, `InvalidArgument: time: "yesterday" is not a time in RFC 3339, such as 2024-03-01T12:30:00Z`},
		"resources":    {`{"resources":["a",1]}`, `InvalidArgument: resources: element 1: expected a string, found a number`},
		"lone halves":  {`{"source":"\ud83d"}`, `InvalidArgument: source: a surrogate without its partner is no character (send both halves of the pair)`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnvelope([]byte(test.envelope))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/", "\x00\x1f\b\f\n\r\t\x7f", "é😀\u2028", "<&>"} {
		var got string
		if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil || got != s {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	}
	if got, want := string(appendQuoted(nil, "a\xffb")), `"a`+"\ufffd"+`b"`; got != want {
		t.Errorf("invalid UTF-8: got %s, want %s", got, want)
	}
}

// TestEnvelopeIsWrittenAroundTheDetail: once, and only where the detail is still there and
// the head has room.
func TestEnvelopeIsWrittenAroundTheDetail(t *testing.T) {
	decode := func() *Event {
		batch, err := DecodeJSON([]byte(`[{"source":"s","detail-type":"T","resources":["a","b"],"detail":{"n":1}}]`), Limits{})
		if err != nil || batch.Refused != nil {
			t.Fatal(err, batch.Refused)
		}
		return batch.Events[0]
	}
	inside := func(e *Event, envelope []byte) bool { return &envelope[len(envelope)-1-len(e.Detail)] == &e.Detail[0] }
	for name, test := range map[string]struct {
		change func(*Event)
		inside bool
	}{
		"as it is":       {func(*Event) {}, true},
		"with all":       {func(e *Event) { e.ID, e.Account, e.Region = ticket().ID, "123456789012", "eu-central-1" }, true},
		"a long head":    {func(e *Event) { e.ID = strings.Repeat("i", 3*headRoom) }, false},
		"another detail": {func(e *Event) { e.Detail = []byte(`{"n":2}`) }, false},
		"a shorter one":  {func(e *Event) { e.Detail = e.Detail[:0] }, false},
		"a part":         {func(e *Event) { e.Detail = e.Detail[1:] }, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := decode()
			test.change(e)
			want := string(e.AppendEnvelope(nil))
			got := e.Envelope()
			if string(got) != want || len(e.Detail) > 0 && inside(e, got) != test.inside {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			e.Source = "another"
			if again := e.Envelope(); string(again) == want || string(got) != want {
				t.Errorf("again %s, the first now %s", again, got)
			}
		})
	}
}

func BenchmarkAppendEnvelope(b *testing.B) {
	e := ticket()
	dst := e.AppendEnvelope(nil)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendEnvelope(dst[:0])
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	envelope := ticket().AppendEnvelope(nil)
	b.SetBytes(int64(len(envelope)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEnvelope(envelope); err != nil {
			b.Fatal(err)
		}
	}
}
