package event

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const ociEvent = `{"eventType":"com.oraclecloud.apigateway.creategatewaycertificate.begin","cloudEventsVersion":"0.1",
	"eventTypeVersion":"2.0","source":"apigateway","eventTime":"2019-08-16T15:09:04.550Z","contentType":"application/json",
	"data":{"resourceName":"My_Certificate","a":1.0},"eventID":"ev-1",
	"extensions":{"compartmentId":"ocid1.compartment.oc1..x","synthetic":true}}`

func TestOCIIsTheInverse(t *testing.T) {
	for name, want := range map[string]string{
		"documented": ociEvent,
		"least":      `{"eventType":"t","eventID":"1","source":"s"}`,
		"array":      `{"eventType":"t","eventID":"1","source":"s","data":[1],"eventTime":"2019-08-16T15:09:04Z","extensions":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeOCI([]byte(want), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, string(restored(t, e).AppendOCI(nil)), want)
		})
	}
}

func TestOCIAsCloudEvent(t *testing.T) {
	e, err := DecodeOCI([]byte(ociEvent), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !e.Meta.Synthetic || e.Meta.SchemaVersion != "2.0" {
		t.Errorf("metadata is not understood: %+v", e.Meta)
	}
	sameJSON(t, string(e.AppendCloudEvent(nil)), `{"specversion":"1.0","id":"ev-1","source":"apigateway",
		"type":"com.oraclecloud.apigateway.creategatewaycertificate.begin","time":"2019-08-16T15:09:04.550Z",
		"datacontenttype":"application/json","compartmentid":"ocid1.compartment.oc1..x","synthetic":true,"schemaversion":"2.0",
		"data":{"resourceName":"My_Certificate","a":1.0}}`)
}

func TestCloudEventAsOCI(t *testing.T) {
	e, err := DecodeCloudEvent([]byte(`{`+ceRequired+`,"time":"2024-03-01T12:30:00Z","subject":"x","data":{"a":1}}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, string(e.AppendOCI(nil)), `{"eventType":"com.example.created.v1","cloudEventsVersion":"0.1","eventTypeVersion":"1",
		"source":"/s","eventTime":"2024-03-01T12:30:00Z","contentType":"application/json","data":{"a":1},"eventID":"1",
		"extensions":{"subject":"x"}}`)
}

func TestDecodeJSONTellsFormsApart(t *testing.T) {
	body := `[` + string(ticket().AppendEnvelope(nil)) + `, {` + ceRequired + `} ,` + ociEvent +
		`,{"source":"s","detail-type":"T","trace-header":"Root=1","detail":{"metadata":{"isFake":true}}}]`
	batch, err := DecodeJSON([]byte(body), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if batch.Refused != nil {
		t.Fatalf("refused: %v", batch.Refused)
	}
	var got []string
	for _, e := range batch.Events {
		got = append(got, e.Meta.Format)
	}
	if want := []string{FormatJSON, FormatCloudEvents, FormatOCI, FormatJSON}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if last := batch.Events[3].Meta; last.XRay != "Root=1" || !last.Synthetic {
		t.Errorf("metadata is not understood: %+v", last)
	}
}

func TestDecodeJSONRefuses(t *testing.T) {
	deep := strings.Repeat("[", 10_000)
	tests := map[string]struct{ body, want string }{
		"empty":       {``, `SerializationException: the body is not valid JSON: byte 0: expected a JSON object, but the text ends here`},
		"empty batch": {`[]`, `ValidationException: a batch of 0 events: send from 1 to 1000`},
		"no source":   {`{"detail-type":"T","detail":{}}`, `InvalidArgument: source: is required and must not be empty`},
		"no type":     {`{"source":"T","detail":{}}`, `InvalidArgument: detail-type: is required and must not be empty`},
		"no detail":   {`{"source":"s","detail-type":"T"}`, `InvalidArgument: detail: is required and must not be empty`},
		"misspelt":    {`{"source":"s","detail_type":"T","detail":{}}`, `InvalidArgument: detail_type: unknown member of an event envelope (did you mean "detail-type"?)`},
		"too deep":    {`{"detail":` + deep, `SerializationException: the body is not valid JSON: byte 1010: objects and arrays nest deeper than 1000 levels (send a flatter one, or raise the limit)`},
		"OCI":         {`{"eventType":"t","eventID":"1"}`, `InvalidArgument: source: is required and must not be empty`},
		"OCI member":  {`{"eventType":"t","eventId":"1"}`, `InvalidArgument: eventId: unknown member of an OCI event (did you mean "eventID"?)`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeJSON([]byte(test.body), Limits{})
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestDecodeJSONRefusesOneOfABatch(t *testing.T) {
	batch, err := DecodeJSON([]byte(`[{"source":"s","detail-type":"T","detail":{}},{"source":5}]`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if batch.Events[0] == nil || batch.Events[1] != nil || batch.Refused[0] != nil {
		t.Fatalf("got %+v", batch)
	}
	if got, want := batch.Refused[1].Error(), `InvalidArgument: [1]: source: expected a string, found a number`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := batch.Refused[1].Path, "[1].source"; got != want {
		t.Errorf("path: got %s, want %s", got, want)
	}
}

func TestDecodeCloudEventsWantsABatch(t *testing.T) {
	if _, err := DecodeCloudEvents([]byte(`{`+ceRequired+`}`), Limits{}); err == nil {
		t.Error("no error for a single event")
	}
	batch, err := DecodeCloudEvents([]byte(`[{`+ceRequired+`}]`), Limits{})
	if err != nil || len(batch.Events) != 1 {
		t.Errorf("got %+v, %v", batch, err)
	}
}

// TestDecodeJSONArrays: one pass over an array finds what one over each of its events finds.
func TestDecodeJSONArrays(t *testing.T) {
	good := `{"id":"1","source":"s","detail-type":"T","detail":{"n":1}}`
	tests := []struct{ body, whole, refused string }{
		{`[` + good + ` , ` + good + `]`, "", ""},
		{" [\n" + good + "\t] ", "", ""},
		{`[]`, "a batch of 0 events", ""},
		{`[ ] x`, "unexpected data", ""},
		{`[` + good + `]]`, "unexpected data", ""},
		{`[` + good + `,]`, "expected a JSON value", ""},
		{`[` + good + ` ` + good + `]`, "',' or ']'", ""},
		{`[` + good, "the text ends here", ""},
		{`[{"source":}]`, "expected a JSON value", ""},
		{`[` + good + `,7]`, "", "[1]: the body is not valid JSON: byte 0: expected a JSON object, found '7'"},
		{`[{"source":"s","source":"s"},` + good + `]`, "", "[0]: source: this key is there twice"},
		{`[{"so\u0075rce":"s","detail-type":"T","detail":{}}]`, "", ""},
		{`[` + strings.Repeat(good+",", 4) + good + `]`, "a batch of 5 events", ""},
		{`[` + strings.Repeat(good+",", 4) + `{]`, "expected a key", ""},
	}
	for _, test := range tests {
		batch, err := DecodeJSON([]byte(test.body), Limits{MaxEntries: 4})
		if test.whole != "" {
			if err == nil || !strings.Contains(err.Error(), test.whole) {
				t.Errorf("%s: %v, want %s", test.body, err, test.whole)
			}
			continue
		}
		var refused []string
		for _, r := range batch.Refused {
			if r != nil {
				refused = append(refused, r.Message)
			}
		}
		if err != nil || !strings.HasPrefix(strings.Join(refused, " "), test.refused) || (len(refused) > 0) != (test.refused != "") {
			t.Errorf("%s: %v, %v, want %s", test.body, err, refused, test.refused)
		}
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	var list []string
	for i := range 10 {
		list = append(list, fmt.Sprintf(`{"source":"shop.orders","detail-type":"OrderCreated","time":"2026-11-22T10:00:00Z","detail":{"id":%d,"note":"%s"}}`, i, strings.Repeat("x", 500)))
	}
	body := []byte("[" + strings.Join(list, ",") + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeJSON(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
