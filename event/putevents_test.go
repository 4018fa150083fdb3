package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecodePutEvents(t *testing.T) {
	body := ` {"Entries": [ {
		"Time": 1700000000.25, "Source":"shop.orders", "DetailType":"Order\u0043reated", "Resources":["r1","r\n2"],
		"Detail":" {\"id\": \"\\u00e9\",\"n\":1.0}\n", "EventBusName":"arn:aws:events:eu-west-1:1:event-bus/orders",
		"TraceHeader":"Root=1-5759e988-bd862e3fe1be46a994272793", "Future": {"x":[1]} },
		{"Detail":"{}","DetailType":"T","Source":"s","EventBusName":null,"Time":"2024-03-01T12:30:00+01:00"} ],
		"EndpointId": "abc.xyz" } `
	want := []*Event{{
		Source: "shop.orders", DetailType: "OrderCreated", Resources: []string{"r1", "r\n2"},
		Time: time.Unix(1700000000, 250_000_000).UTC(), Detail: []byte(`{"id": "\u00e9","n":1.0}`),
		Meta: Metadata{Bus: "arn:aws:events:eu-west-1:1:event-bus/orders", XRay: "Root=1-5759e988-bd862e3fe1be46a994272793", Format: FormatEventBridge},
	}, {
		Source: "s", DetailType: "T", Detail: []byte(`{}`),
		Time: time.Date(2024, 3, 1, 12, 30, 0, 0, time.FixedZone("", 3600)),
		Meta: Metadata{Format: FormatEventBridge},
	}}
	text := []byte(body)
	batch, err := DecodePutEvents(text, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(text) // the events must keep nothing of it
	if batch.Refused != nil {
		t.Errorf("refused: %v", batch.Refused)
	}
	for i, got := range batch.Events {
		if !got.Time.Equal(want[i].Time) {
			t.Errorf("entry %d: time %v, want %v", i, got.Time, want[i].Time)
		}
		got.Time, got.room = want[i].Time, nil
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("entry %d:\ngot  %+v\nwant %+v", i, got, want[i])
		}
	}
}

func entryJSON(detail string) string {
	quoted, _ := json.Marshal(detail)
	return `{"Source":"s","DetailType":"T","Detail":` + string(quoted) + `}`
}

func TestDecodePutEventsRefusesEntries(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)
	tests := map[string]struct{ entry, want string }{
		"no source": {`{"DetailType":"T","Detail":"{}"}`,
			`InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.`},
		"empty source": {`{"Source":"","DetailType":"T","Detail":"{}"}`,
			`InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.`},
		"no detail type": {`{"Source":"s","Detail":"{}"}`,
			`InvalidArgument: Parameter DetailType is not valid. Reason: DetailType is a required argument.`},
		"no detail": {`{"Source":"s","DetailType":"T","Detail":null}`,
			`InvalidArgument: Parameter Detail is not valid. Reason: Detail is a required argument.`},
		"detail is an array": {entryJSON(`[1]`),
			`MalformedDetail: Detail is malformed. (Entries[1].Detail: byte 0: expected a JSON object (wrap other values, as in {"data": …}), found '[')`},
		"detail is broken": {entryJSON(`{"a":1,}`),
			`MalformedDetail: Detail is malformed. (Entries[1].Detail: byte 7: expected another key after ',', found '}' (remove the comma))`},
		"detail has more": {entryJSON(`{} {}`),
			`MalformedDetail: Detail is malformed. (Entries[1].Detail: byte 3: unexpected data after the end of the JSON value)`},
		"detail is too deep": {entryJSON(deep),
			`MalformedDetail: Detail is malformed. (Entries[1].Detail: byte 5000: objects and arrays nest deeper than 1000 levels (send a flatter one, or raise the limit))`},
		"time": {`{"Source":"s","DetailType":"T","Detail":"{}","Time":"noon"}`,
			`InvalidArgument: Parameter Time is not valid. Reason: "noon" is neither a number of seconds since 1970 nor a time in RFC 3339.`},
		"time out of range": {`{"Source":"s","DetailType":"T","Detail":"{}","Time":1e30}`,
			`InvalidArgument: Parameter Time is not valid. Reason: 1e30 is neither a number of seconds since 1970 nor a time in RFC 3339.`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			body := `{"Entries":[` + entryJSON(`{"n":0}`) + "," + test.entry + "," + entryJSON(`{"n":2}`) + `]}`
			batch, err := DecodePutEvents([]byte(body), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Events) != 3 || len(batch.Refused) < 2 || batch.Refused[1] == nil || batch.Events[1] != nil {
				t.Fatalf("entry 1 is not refused: %+v", batch)
			}
			if got := batch.Refused[1].Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			for _, i := range []int{0, 2} {
				if got, want := string(batch.Events[i].Detail), fmt.Sprintf(`{"n":%d}`, i); got != want {
					t.Errorf("detail of entry %d: got %s, want %s", i, got, want)
				}
			}
		})
	}
}

// printedEntry is the entry of entryJSON(`{}`) as AWS was recorded to print it.
const printedEntry = `PutEventsRequestEntry(time=null, source=s, resources=null, detailType=T, detail={}, eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)`

// TestTooManyEntriesArePrinted: members and lists as Java prints them, and no more than a request may hold.
func TestTooManyEntriesArePrinted(t *testing.T) {
	ten := strings.Repeat(entryJSON(`{}`)+",", 10)
	full := `{"Time":1767323045.678,"Source":"s","Resources":["a","b"],"DetailType":"d","Detail":"{\"k\": \"<é>\"}","EventBusName":"orders","TraceHeader":null,"Other":1}`
	for rest, want := range map[string]string{
		full:               `PutEventsRequestEntry(time=1767323045.678, source=s, resources=[a, b], detailType=d, detail={"k": "<é>"}, eventBusName=orders, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)`,
		`{"Resources":[]}`: `PutEventsRequestEntry(time=null, source=null, resources=[], detailType=null, detail=null, eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)`,
		`7`:                "7", `null`: "null",
	} {
		_, err := DecodePutEvents([]byte(`{"Entries":[`+ten+rest+`]}`), Limits{})
		if want = "internalMetadata=null), " + want + "]' at 'entries' failed"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %s", rest, err, want)
		}
	}
	_, err := DecodePutEvents([]byte(`{"Entries":[`+strings.Repeat("{},", 100_000)+`{}]}`), Limits{})
	if limit := new(Limits).size(); err == nil || len(err.Error()) > limit+1000 || !strings.Contains(err.Error(), "), …]' at") {
		t.Errorf("an error of %d bytes, more than %d", len(err.Error()), limit)
	}
}

func TestDecodePutEventsRefusesRequests(t *testing.T) {
	entry := entryJSON(`{}`)
	many := strings.Repeat(entry+",", 10) + entry
	tests := map[string]struct{ body, want string }{
		"empty":        {``, `SerializationException: the body is not valid JSON: byte 0: expected a JSON object, but the text ends here`},
		"array":        {`[]`, `SerializationException: the body is not valid JSON: byte 0: expected a JSON object, found '['`},
		"no entries":   {`{}`, `ValidationException: 1 validation error detected: Value null at 'entries' failed to satisfy constraint: Member must not be null`},
		"null entries": {`{"Entries":null}`, `ValidationException: 1 validation error detected: Value null at 'entries' failed to satisfy constraint: Member must not be null`},
		"zero entries": {`{"Entries":[]}`, `ValidationException: 1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1`},
		"11 entries":   {`{"Entries":[` + many + `]}`, `ValidationException: 1 validation error detected: Value '[` + strings.Repeat(printedEntry+", ", 10) + printedEntry + `]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10`},
		"too large":    {`{"Entries":[` + entryJSON(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`) + `]}`, `ValidationException: Total size of the entries in the request is over the limit.`},
		"trailing":     {`{"Entries":[` + entry + `]} 1`, `SerializationException: the body is not valid JSON: byte 60: unexpected data after the end of the JSON value`},
		"truncated":    {`{"Entries":[{"Source":"s`, `SerializationException: the body is not valid JSON: byte 22: the string that begins here has no end`},
		"invalid UTF8": {"{\"Entries\":[{\"Source\":\"\xc3\"", `SerializationException: the body is not valid JSON: byte 23: invalid UTF-8: 0xc3 (send the text in UTF-8)`},
		"entry twice":  {`{"Entries":[` + entry + `],"Entries":[]}`, `SerializationException: Entries is there twice; send it once`},
		"key twice":    {`{"Entries":[{"Source":"s","Source":"t"}]}`, `SerializationException: Entries[0].Source is there twice; send it once`},
		"source":       {`{"Entries":[{"Source":5}]}`, `SerializationException: Entries[0].Source: expected a string, found a number`},
		"detail":       {`{"Entries":[{"Detail":{}}]}`, `SerializationException: Entries[0].Detail: expected a JSON object in a string, found an object`},
		"resources":    {`{"Entries":[{"Resources":[1]}]}`, `SerializationException: Entries[0].Resources: expected a string, found a number`},
		"time":         {`{"Entries":[{"Time":true}]}`, `SerializationException: Entries[0].Time: expected a number of seconds since 1970, found a boolean`},
		"entry":        {`{"Entries":[7]}`, `SerializationException: Entries[0]: expected an object, found a number`},
		"comma":        {`{"Entries":[{"Source":"s",}]}`, `SerializationException: the body is not valid JSON: byte 26: expected a key in double quotes, found '}'`},
		"deep":         {`{"x":` + strings.Repeat("[", 10000), `SerializationException: the body is not valid JSON: byte 1004: objects and arrays nest deeper than 1000 levels (send a flatter one, or raise the limit)`},
		"surrogate":    {`{"Entries":[{"Source":"\udc00"}]}`, `SerializationException: the body is not valid JSON: byte 23: a surrogate without its partner is no character (send both halves of the pair)`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodePutEvents([]byte(test.body), Limits{})
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// The size of an entry is 14 for a time and the UTF-8 bytes of source, type,
// detail and resources; the bus and the trace header do not count.
func TestDecodePutEventsSize(t *testing.T) {
	body := []byte(`{"Entries":[{"Source":"ab","DetailType":"é","Detail":"{\"a\":\"\\n\"}","Resources":["xyz"],` +
		`"Time":1,"EventBusName":"default","TraceHeader":"Root=1"}]}`)
	const size = 14 + 2 + 2 + len(`{"a":"\n"}`) + 3
	if _, err := DecodePutEvents(body, Limits{MaxSize: size}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := DecodePutEvents(body, Limits{MaxSize: size - 1}); err == nil {
		t.Error("over the limit: no error")
	}
}

func TestDecodePutEventsUnderstandsDetail(t *testing.T) {
	tests := map[string]struct {
		detail string
		want   Metadata
	}{
		"all": {`{"metadata":{"isFake":true,"traceId":"0af7651916cd43dd8448eb211c80319c","correlation_id":"c","causationId":"d",` +
			`"kind":"Command","version":2.1,"idempotency-key":"e","partitionKey":"f"},"data":{}}`,
			Metadata{Synthetic: true, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01", CorrelationID: "c",
				CausationID: "d", Kind: KindCommand, SchemaVersion: "2.1", DedupKey: "e", PartitionKey: "f"}},
		"trace id of its own kind": {`{"metadata":{"traceId":"abc"}}`, Metadata{CorrelationID: "abc"}},
		"trace id and correlation": {`{"metadata":{"traceId":"abc","correlationId":"c"}}`, Metadata{CorrelationID: "c"}},
		"x-ray":                    {`{"metadata":{"traceId":"1-5759e988-bd862e3fe1be46a994272793"}}`, Metadata{XRay: "Root=1-5759e988-bd862e3fe1be46a994272793"}},
		"foreign metadata":         {`{"metadata":{"kind":"Deployment","labels":{"version":"3"},"isSynthetic":false}}`, Metadata{}},
		"deeper down":              {`{"data":{"metadata":{"isSynthetic":true}}}`, Metadata{}},
		"not an object":            {`{"metadata":["isSynthetic"]}`, Metadata{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			batch, err := DecodePutEvents([]byte(`{"Entries":[`+entryJSON(test.detail)+`]}`), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			test.want.Format = FormatEventBridge
			if got := batch.Events[0].Meta; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestTypeVersion(t *testing.T) {
	for name, want := range map[string]string{
		"com.example.ticket.created.v1": "1", "OrderCreated.v2.1": "2.1", "OrderCreated": "", "a.v": "", "a.v1x": "", "a.v1.": "", "a.v.1": "",
	} {
		if got := typeVersion(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// putEventsBody is a request of n entries with a detail of about 600 bytes.
func putEventsBody(n int) []byte {
	var entries []string
	for i := range n {
		detail := fmt.Sprintf(`{"orderId":"0197b6a0-0000-7000-8000-%012d","total":129.95,"currency":"EUR","customer":{"id":"c-%06d","name":"Ana María","email":"ana@example.com","vip":true},"lines":[`, i, i)
		for line := range 5 {
			detail += fmt.Sprintf(`{"sku":"SKU-%05d","quantity":%d,"price":%d.99,"gift":false},`, line*7919, line+1, line*10)
		}
		detail += `{"sku":"SKU-99999","quantity":1,"price":9.99,"gift":true}],"note":"leave it on arrival, please"}`
		entries = append(entries, fmt.Sprintf(`{"Source":"shop.orders","DetailType":"OrderCreated","EventBusName":"default","Time":17%08d,%s`, i, entryJSON(detail)[len(`{"Source":"s","DetailType":"T",`):]))
	}
	return []byte(`{"Entries":[` + strings.Join(entries, ",") + `]}`)
}

func BenchmarkDecodePutEvents(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			body := putEventsBody(n)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodePutEvents(body, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLargeDetailsAreTheirOwn: the details of a request that is too large for the scratch
// space have memory of their own, white space and escapes or not.
func TestLargeDetailsAreTheirOwn(t *testing.T) {
	long := strings.Repeat("é\n", maxScratch/8)
	var want []string
	var entries []string
	for _, detail := range []string{
		`{"a":"` + strings.Repeat("x", maxScratch) + `"}`, " \t{\"b\":1}\r\n", `{"c":` + string(appendQuoted(nil, long)) + `}`,
		`{"d":"` + strings.Repeat("y", 100) + `"}`,
	} {
		want = append(want, strings.TrimSpace(detail))
		entries = append(entries, fmt.Sprintf(`{"Detail":%s,"Source":"s","DetailType":"T","Resources":["r"]}`, appendQuoted(nil, detail)))
	}
	entries[3] = strings.ReplaceAll(entries[3], "y", `\u0079`)
	body := []byte(`{"Entries":[` + strings.Join(entries, ",") + `]}`)
	batch, err := DecodePutEvents(body, Limits{})
	if err != nil || batch.Refused != nil {
		t.Fatal(err, batch.Refused)
	}
	clear(body)
	if _, err := DecodePutEvents(putEventsBody(200), Limits{MaxEntries: 200}); err != nil {
		t.Fatal(err)
	}
	for i, e := range batch.Events {
		envelope := string(e.AppendEnvelope(nil))
		if string(e.Detail) != want[i] || string(e.Envelope()) != envelope || string(e.Detail) != want[i] {
			t.Errorf("entry %d: %.60s", i, e.Detail)
		}
	}
	if e := batch.Events[3]; cap(e.Detail) > 2*len(e.Detail) {
		t.Errorf("an event of %d bytes holds %d", len(e.Detail), cap(e.Detail))
	}
}

func TestDecodePutEventsTakesAMark(t *testing.T) {
	batch, err := DecodePutEvents([]byte("\xef\xbb\xbf"+`{"Entries":[{"Source":"t","DetailType":"Happened","Detail":"{}"}]}`), Limits{})
	if err != nil || len(batch.Events) != 1 || batch.Events[0].Source != "t" {
		t.Errorf("%+v, %v", batch, err)
	}
}

func TestDetailTypeIsBounded(t *testing.T) {
	for n, refused := range map[int]bool{128: false, 129: true} {
		batch, err := DecodePutEvents(fmt.Appendf(nil, `{"Entries":[{"Source":"t","DetailType":%q,"Detail":"{}"}]}`, strings.Repeat("é", n)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(batch.Refused) > 0; got != refused || refused && batch.Refused[0].Code != CodeInvalidArgument {
			t.Errorf("%d characters: refused %v", n, batch.Refused)
		}
	}
}

func TestBusOfARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:events:eu-west-1:1:event-bus/orders":                    "orders 1 eu-west-1",
		"arn:aws-cn:events:cn-north-1:2:event-bus/aws.partner/x.com/a/b": "aws.partner/x.com/a/b 2 cn-north-1",
		"arn:aws:events:eu-west-1:1:event-bus/":                          "",
		"arn:aws:events:eu-west-1:1:rule/orders":                         "",
		"arn:aws:sqs:eu-west-1:1:event-bus/orders":                       "",
		"orders": "",
	} {
		got := ""
		if name, account, region, ok := BusOfARN(arn); ok {
			got = name + " " + account + " " + region
		}
		if got != want {
			t.Errorf("%s: %q, want %q", arn, got, want)
		}
	}
}
