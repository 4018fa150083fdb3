package sources

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/targets"
)

// none are the options of a kind that has none.
type none struct{}

func (none) SetDefaults(*Config)            {}
func (none) Validate(v *targets.Validation) {}
func (none) Show(map[string]any)            {}

func sourceOf(t testing.TB, m *Map) *Source {
	t.Helper()
	s, faults, _ := New(Config{Name: "shop", Options: &none{}, Map: m, Bus: "shops"}, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return s
}

func message(body string, headers ...string) *Message {
	m := &Message{Headers: map[string]string{}, Body: []byte(body), Subject: "orders.new", Origin: "nats", ID: "S/7"}
	for i := 0; i < len(headers); i += 2 {
		m.Headers[headers[i]] = headers[i+1]
	}
	return m
}

const cloud = `{"specversion":"1.0","id":"1","source":"a","type":"T","data":{"n":1}}`

func TestDecode(t *testing.T) {
	mapped := &Map{Source: `"from/" + headers["X-Shop"]`, DetailType: `body.kind ?? subject`, ID: `body.id`, Detail: `body.payload ?? body`}
	for _, tt := range []struct {
		name    string
		m       *Map
		message *Message
		want    string // source type id detail, or the error
	}{
		{"structured", nil, message(cloud, "content-type", "application/cloudevents+json; charset=utf-8"), `a T 1 {"n":1}`},
		{"structured, without saying so", nil, message(cloud), `a T 1 {"n":1}`},
		{"structured, beside a map", mapped, message(cloud), `a T 1 {"n":1}`},
		{"binary", nil, message(`{"n":1}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "a%20b", "ce-type", "T", "content-type", "application/json"), `a b T 1 {"n":1}`},
		{"binary, with both content types", nil, message(`{"n":1}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "a", "ce-type", "T", "content-type", "application/json",
			"ce-datacontenttype", "application/json"), `a T 1 {"n":1}`},
		{"binary text", nil, message(`hi`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "a", "ce-type", "T", "ce-datacontenttype", "text/plain"), `a T 1 {"data":"hi"}`},
		{"an envelope", nil, message(`{"source":"a","detail-type":"T","detail":{"n":1},"id":"e-1"}`), `a T e-1 {"n":1}`},
		{"an envelope, beside a map", mapped, message(`{"source":"a","detail-type":"T","detail":{"n":1}}`), `a T  {"n":1}`},
		{"no event and no map", nil, message(`{"n":1}`), "the source has no map"},
		{"no JSON and no map", nil, message("\x00\x01"), "the source has no map"},
		{"a batch", nil, message(`[`+cloud+`]`, "content-type", "application/cloudevents-batch+json"), "send each as a message of its own"},
		{"a list", nil, message(`[` + cloud + `,` + cloud + `]`), "holds 2 events"},
		{"a faulty CloudEvent", nil, message(`{"specversion":"1.0","id":"1"}`), "source"},
		{"mapped", mapped, message(`{"kind":"K","id":5,"payload":{"n":1}}`, "x-shop", "a"), `from/a K 5 {"n":1}`},
		{"mapped by defaults of its own", mapped, message(`{"n":1.50}`, "x-shop", "a"), `from/a orders.new  {"n":1.5}`},
		{"mapped list", mapped, message(`[1]`, "x-shop", "a"), "map.detail: body.payload"},
		{"what looks like OCI is mapped", &Map{DetailType: "body.eventType"}, message(`{"eventType":"Created"}`), `shop Created  {"eventType":"Created"}`},
		{"text", &Map{DetailType: `"Line"`}, message("hello", "content-type", "text/plain"), `shop Line  {"data":"hello"}`},
		{"text that says nothing", &Map{DetailType: `"Line"`}, message("hello"), `shop Line  {"data":"hello"}`},
		{"bytes", &Map{DetailType: `"Line"`}, message("\xff\x00"), `shop Line  {"data_base64":"/wA="}`},
		{"nothing", &Map{DetailType: `"Line"`}, message(""), `shop Line  {}`},
		{"the detail is a number", &Map{DetailType: `"Line"`, Detail: "1 + 1"}, message("{}"), `shop Line  {"data":2}`},
		{"an expression that fails", &Map{DetailType: `body.a.b.c`}, message(`{"a":1}`), "map.detail_type: body.a.b.c: "},
		{"a field of text", &Map{DetailType: `body.a`}, message(`plain`), "(the body of this message is text, which has no fields)"},
		{"a type that is nothing", &Map{DetailType: `body.type`}, message(`{}`), "map.detail_type: the result is nothing"},
		{"a source that is a list", &Map{DetailType: `"T"`, Source: "[1]"}, message(`{}`), "no text and no number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := sourceOf(t, tt.m).Decode(tt.message)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got error %v, want %s", err, tt.want)
				}
				return
			}
			detail := strings.ReplaceAll(string(e.Detail), `": `, `":`)
			if got := fmt.Sprint(e.Source, " ", e.DetailType, " ", e.ID, " ", detail); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if e.Meta.Bus != "shops" || e.Meta.DedupKey != "nats/S/7" {
				t.Errorf("bus %q, dedup key %q", e.Meta.Bus, e.Meta.DedupKey)
			}
		})
	}
}

func TestHeadersMarkEvents(t *testing.T) {
	e, err := sourceOf(t, nil).Decode(message(cloud, "x-signalbox-hops", "3", "x-signalbox-path", "e-1;T;b;r;t", "x-correlation-id", "c-1", "x-signalbox-synthetic", "true"))
	want := []event.Hop{{EventID: "e-1", DetailType: "T", Bus: "b", Rule: "r", Target: "t"}}
	if err != nil || e.Meta.Hops != 3 || !reflect.DeepEqual(e.Meta.Path, want) || e.Meta.CorrelationID != "c-1" || !e.Meta.Synthetic {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestMapsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		m    Map
		want string
	}{
		{Map{}, "is missing"},
		{Map{DetailType: "bdy.type"}, "bdy"},
		{Map{DetailType: "subject", ID: "1 +"}, "ends too early"},
	} {
		_, faults, _ := New(Config{Name: "shop", Options: &none{}, Map: &tt.m}, secret.Source{})
		if len(faults) != 1 || !strings.Contains(faults[0].Err.Error(), tt.want) || faults[0].Path[0] != "map" {
			t.Errorf("got %v, want %s", faults, tt.want)
		}
	}
}

func TestLettersKeepTheMessage(t *testing.T) {
	for _, body := range []string{`{"a":1}`, "", "\xff\x00"} {
		m := message(body, "content-type", "text/x", "ce-id", "ü")
		l := Letter{m, CodeUndecodable, fmt.Errorf("why")}
		e, err := l.Event("shop", "shops")
		if err != nil || e.Meta.DedupKey == m.ID || e.Meta.Bus != "shops" {
			t.Fatal(e, err)
		}
		stored, err := event.ParseEnvelope(e.AppendEnvelope(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := LetterMessage(stored)
		if err != nil || !reflect.DeepEqual(got.Headers, m.Headers) || !slices.Equal(got.Body, m.Body) || got.ID != m.ID || got.Subject != m.Subject {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
	if _, err := LetterMessage(&event.Event{Source: "signalbox", DetailType: "Other"}); err == nil {
		t.Error("any event is a letter")
	}
}

func FuzzDecode(f *testing.F) {
	s := sourceOf(f, &Map{DetailType: "subject", Detail: "body"})
	f.Add([]byte(cloud), "application/json", "1.0", "3,4", "a;b;c;d;e")
	f.Fuzz(func(t *testing.T, body []byte, contentType, version, hops, path string) {
		m := message(string(body), "content-type", contentType, "ce-specversion", version, "ce-id", "1", "ce-source", "s", "ce-type", "t", "x-signalbox-hops", hops, "x-signalbox-path", path)
		e, err := s.Decode(m)
		if err != nil {
			return
		}
		if _, err := event.ParseEnvelope(e.AppendEnvelope(nil)); err != nil {
			t.Errorf("made an envelope that can't be read: %v", err)
		}
	})
}
