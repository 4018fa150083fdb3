package event

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// restored is the event as it comes back from a store: through the canonical
// envelope and the binary form of its metadata.
func restored(t *testing.T, e *Event) *Event {
	t.Helper()
	again, err := ParseEnvelope(e.AppendEnvelope(nil))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := e.Meta.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Meta.UnmarshalBinary(meta); err != nil {
		t.Fatal(err)
	}
	return again
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const ceRequired = `"specversion":"1.0","id":"1","source":"/s","type":"com.example.created.v1"`

// What comes in as a structured CloudEvent goes out equal, even from a store.
var structuredCloudEvents = map[string]string{
	"least":        `{` + ceRequired + `}`,
	"data":         `{` + ceRequired + `,"time":"2024-03-01T12:30:00Z","data":{"a":[1.0,{}]}}`,
	"empty object": `{` + ceRequired + `,"data":{}}`,
	"null":         `{` + ceRequired + `,"data":null}`,
	"number":       `{` + ceRequired + `,"datacontenttype":"application/json","data":1.50}`,
	"JSON string":  `{` + ceRequired + `,"data":"x\ny"}`,
	"text":         `{` + ceRequired + `,"datacontenttype":"text/plain","data":"x\ny"}`,
	"bytes":        `{` + ceRequired + `,"datacontenttype":"image/png","data_base64":"/wA="}`,
	"like wrapped": `{` + ceRequired + `,"data":{"data":[1]}}`,
	"fraction":     `{` + ceRequired + `,"time":"2024-03-01T12:30:00.125+02:00","data":{}}`,
	"extensions": `{` + ceRequired + `,"zeta":1,"alpha":true,"subject":"é","dataschema":"https://example.com/s",
		"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","synthetic":true,"partitionkey":"p"}`,
}

func TestCloudEventIsTheInverse(t *testing.T) {
	for name, want := range structuredCloudEvents {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeCloudEvent([]byte(want), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, string(restored(t, e).AppendCloudEvent(nil)), want)

			header, body := overHTTP(restored(t, e))
			again, err := DecodeCloudEventHTTP(header, body, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if string(again.Detail) != string(e.Detail) && e.Meta.DataForm != DataText {
				t.Errorf("binary mode: got detail %s, want %s", again.Detail, e.Detail)
			}
			if again.ID != e.ID || again.Source != e.Source || again.DetailType != e.DetailType || !again.Time.Equal(e.Time) {
				t.Errorf("binary mode: got %+v, want %+v", again, e)
			}
		})
	}
}

func TestDecodeCloudEvent(t *testing.T) {
	e, err := DecodeCloudEvent([]byte(structuredCloudEvents["extensions"]), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Event{
		ID: "1", Source: "/s", DetailType: "com.example.created.v1", Detail: []byte(`{}`),
		Meta: Metadata{
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Synthetic: true, PartitionKey: "p",
			SchemaVersion: "1", Format: FormatCloudEvents, DataForm: DataAbsent,
			Extensions: []Attribute{
				{"zeta", "1"}, {"alpha", "true"}, {"subject", `"é"`}, {"dataschema", `"https://example.com/s"`},
				{"traceparent", `"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`}, {"synthetic", "true"},
				{"partitionkey", `"p"`}, {"time", "null"},
			},
		},
	}
	e.room = nil
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got  %+v\nwant %+v", e, want)
	}
}

func TestDecodeCloudEventRefuses(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"specversion": {`{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, `specversion: "0.3" is not supported, only "1.0"`},
		"no id":       {`{"specversion":"1.0","source":"/s","type":"t"}`, `id: is required and must not be empty`},
		"no source":   {`{"specversion":"1.0","id":"1","type":"t"}`, `source: is required`},
		"empty type":  {`{"specversion":"1.0","id":"1","source":"/s","type":""}`, `type: is required`},
		"name":        {`{` + ceRequired + `,"myExt":1}`, `myExt: the name of a CloudEvents attribute has only the letters a-z and digits`},
		"object":      {`{` + ceRequired + `,"ext":{}}`, `ext: expected a string, a boolean or an integer, found an object`},
		"float":       {`{` + ceRequired + `,"ext":1.5}`, `ext: 1.5 is not an integer of 32 bits`},
		"long":        {`{` + ceRequired + `,"ext":2147483648}`, `ext: 2147483648 is not an integer of 32 bits`},
		"time":        {`{` + ceRequired + `,"time":"now"}`, `time: "now" is not a time in RFC 3339`},
		"subject":     {`{` + ceRequired + `,"subject":""}`, `subject: must not be empty`},
		"both":        {`{` + ceRequired + `,"data":1,"data_base64":"AA=="}`, `data_base64: is there beside data`},
		"base64":      {`{` + ceRequired + `,"data_base64":"A"}`, `data_base64: is not base64`},
		"twice":       {`{` + ceRequired + `,"id":"2"}`, `id: this key is there twice`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeCloudEvent([]byte(test.body), Limits{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func ceHeader(pairs ...string) http.Header {
	h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestDecodeCloudEventHTTP(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		body   string
		detail string
		form   DataForm
	}{
		"object": {ceHeader("Content-Type", "application/json"), " {\"a\":1}\n", `{"a":1}`, DataAsIs},
		"array":  {ceHeader("Content-Type", "application/vnd.x+json; charset=utf-8"), `[1]`, `{"data":[1]}`, DataWrapped},
		"text":   {ceHeader("Content-Type", "text/plain"), "a\"b\n", `{"data":"a\"b\n"}`, DataText},
		"bytes":  {ceHeader("Content-Type", "image/png"), "\xff\x00", `{"data_base64":"/wA="}`, DataBase64},
		"none":   {ceHeader(), "", `{}`, DataAbsent},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeCloudEventHTTP(test.header, []byte(test.body), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if string(e.Detail) != test.detail || e.Meta.DataForm != test.form {
				t.Errorf("got %s in form %d, want %s in form %d", e.Detail, e.Meta.DataForm, test.detail, test.form)
			}
			header, body := overHTTP(restored(t, e))
			if !reflect.DeepEqual(header, test.header) || strings.TrimSpace(string(body)) != strings.TrimSpace(test.body) {
				t.Errorf("came back as %v %q, want %v %q", header, body, test.header, test.body)
			}
		})
	}
}

func TestHeaderValues(t *testing.T) {
	tests := map[string]struct{ header, want, encoded string }{
		"plain":        {"a b", "a b", "a%20b"},
		"percent":      {"100%25", "100%", "100%25"},
		"once":         {"%2525", "%25", "%2525"},
		"lower case":   {"%e2%82%ac", "€", "%E2%82%AC"},
		"quoted":       {`"a \"b\" %41"`, `a "b" A`, "a%20%22b%22%20A"},
		"emoji":        {"%F0%9F%98%80", "😀", "%F0%9F%98%80"},
		"one quote":    {`"`, `"`, "%22"},
		"stray":        {"100% %zz %4", "100% %zz %4", "100%25%20%25zz%20%254"},
		"plus is plus": {"a+b", "a+b", "a+b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeHeaderValue("h", test.header)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
			if got := EscapeAttribute(test.want); got != test.encoded {
				t.Errorf("encoded: got %q, want %q", got, test.encoded)
			}
		})
	}
}

func TestDecodeCloudEventHTTPRefuses(t *testing.T) {
	tests := map[string]struct {
		header     http.Header
		body, want string
	}{
		"content type": {ceHeader("ce-datacontenttype", "text/plain"), "", "header ce-datacontenttype: must not be there"},
		"invalid UTF8": {ceHeader("ce-subject", "%ff"), "", "header ce-subject: invalid UTF-8"},
		"raw bytes":    {ceHeader("ce-subject", "\xff"), "", "header ce-subject: invalid UTF-8"},
		"twice":        {ceHeader("ce-id", "2"), "", "header ce-id: is there 2 times"},
		"name":         {ceHeader("ce-my_ext", "2"), "", "the name of a CloudEvents attribute"},
		"not JSON":     {ceHeader("Content-Type", "application/json"), "hello", "the body is not valid JSON: byte 0"},
		"bad UTF8":     {ceHeader("Content-Type", "application/json"), "\"\xff\"", "byte 1: invalid UTF-8"},
		"no type":      {http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}}, "", "type: is required"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeCloudEventHTTP(test.header, []byte(test.body), Limits{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestAnEventChoosesNoHeaderButOfCloudEvents: the names that an event brings are refused, or
// come behind ce-, in whichever form it came in.
func TestAnEventChoosesNoHeaderButOfCloudEvents(t *testing.T) {
	safe := regexp.MustCompile(`^(Content-Type|Ce-[A-Z0-9][a-z0-9]*)$`)
	for _, name := range []string{"host", "authorization", "tenant", "signature", "Host", "X-Evil", "x-evil", "ce-id", "", " ", "a b", "x\r\nx-evil", "x:", "ünicode", "x\x00"} {
		quoted := string(appendQuoted(nil, name))
		refused := 0
		for form, decode := range map[string]func() (*Event, error){
			"structured": func() (*Event, error) {
				return DecodeCloudEvent([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t",`+quoted+`:"v"}`), Limits{})
			},
			"binary": func() (*Event, error) {
				return DecodeCloudEventHTTP(http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"s"}, "Ce-Type": {"t"}, "Ce-" + name: {"v"}}, nil, Limits{})
			},
			"OCI": func() (*Event, error) {
				return DecodeOCI([]byte(`{"eventType":"t","cloudEventsVersion":"0.1","eventTypeVersion":"1.0","eventID":"1","eventTime":"2026-01-01T00:00:00Z","source":"s",`+
					`"contentType":"application/json","extensions":{`+quoted+`:"v"},"data":{}}`), Limits{})
			},
		} {
			e, err := decode()
			if err != nil {
				refused++
				continue
			}
			header, _ := overHTTP(e)
			for key, values := range header {
				if !safe.MatchString(key) || len(values) != 1 {
					t.Errorf("%s: the name %q became the header %q: %q", form, name, key, values)
				}
			}
			if header.Get("ce-id") != "1" || header.Get("ce-type") != "t" {
				t.Errorf("%s: the name %q changed %v", form, name, header)
			}
		}
		if plain := validAttributeName(name); plain && refused > 0 || !plain && refused == 0 && name != "Host" {
			t.Errorf("%q was refused in %d forms", name, refused)
		}
	}
}

func TestEventBridgeAsCloudEvent(t *testing.T) {
	e := ticket()
	e.Detail = []byte(`{"a":1}`)
	e.Resources = []string{"r1", "r2"}
	e.Meta = Metadata{Format: FormatEventBridge, Synthetic: true, CorrelationID: "c", TraceParent: "tp", SchemaVersion: "1"}
	sameJSON(t, string(e.AppendCloudEvent(nil)), `{"specversion":"1.0","id":"0197b6a0-0000-7000-8000-000000000001","source":"com.example/123",
		"type":"com.example.ticket.created.v1","datacontenttype":"application/json","time":"2024-03-01T12:30:00Z",
		"account":"000000000000","region":"local","resources":"r1,r2","schemaversion":"1","traceparent":"tp","correlationid":"c",
		"synthetic":true,"data":{"a":1}}`)
}

func FuzzCloudEventIsTheInverse(f *testing.F) {
	for _, text := range structuredCloudEvents {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeCloudEvent(body, Limits{})
		if err != nil {
			return
		}
		again, err := DecodeCloudEvent(e.AppendCloudEvent(nil), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", e.AppendCloudEvent(nil), err)
		}
		if got, want := string(again.AppendCloudEvent(nil)), string(e.AppendCloudEvent(nil)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, text := range structuredCloudEvents {
		f.Add([]byte(text))
		f.Add([]byte("[" + text + "," + text + "]"))
	}
	f.Add(ticket().AppendEnvelope(nil))
	f.Add([]byte(ociEvent))
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := DecodeJSON(body, Limits{})
		if err != nil {
			return
		}
		for _, e := range batch.Events {
			if e != nil && !json.Valid(e.AppendEnvelope(nil)) {
				t.Errorf("the envelope is not JSON: %s", e.AppendEnvelope(nil))
			}
		}
	})
}

// overHTTP is an event in the binary mode of HTTP.
func overHTTP(e *Event) (http.Header, []byte) {
	attributes, contentType, body := e.CloudEventBinary()
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	for _, a := range attributes {
		header.Add("ce-"+a.Name, EscapeAttribute(a.Value))
	}
	return header, body
}
