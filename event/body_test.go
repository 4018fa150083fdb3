package event

import (
	"strings"
	"testing"
)

func TestDecodeBody(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		want                    string // the event as a CloudEvent, or the error
	}{
		{"an object", "application/json", ` {"a": 1, "a": 2} `, `"datacontenttype":"application/json","data":{"a": 1, "a": 2}`},
		{"no type", "", `{"a":1}`, `"data":{"a":1}`},
		{"a list", "application/x+json; charset=utf-8", `[1]`, `"data":[1]`},
		{"a word", "application/json", `"x"`, `"data":"x"`},
		{"a BOM", "application/json", "\ufeff{}", `"data":{}`},
		{"nothing", "application/json", " ", `"datacontenttype":"application/json"}`},
		{"text", "text/plain; charset=utf-8", "a\nb", `"datacontenttype":"text/plain; charset=utf-8","data":"a\nb"`},
		{"bytes", "application/octet-stream", "\xff\xfe", `"datacontenttype":"application/octet-stream","data_base64":"//4="`},
		{"a type that is none", "text/\r\nX: 1", "a", `"datacontenttype":"application/json","data":"a"`},
		{"no JSON", "application/json", `{"a"`, `the body is not valid JSON`},
		{"no JSON and no type", "", `a=b`, `needs a Content-Type that says so`},
		{"too deep", "application/json", strings.Repeat("[", 6), `nest`},
		{"no UTF-8", "application/json", "\"\xff\"", `UTF-8`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := DecodeBody(tt.contentType, []byte(tt.body), Limits{MaxDepth: 5})
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				e.ID, e.Source = "1", "s"
				e.SetType("T.v2")
				if err := e.Check(); err != nil || e.Meta.SchemaVersion != "2" {
					t.Errorf("%v, version %q", err, e.Meta.SchemaVersion)
				}
				got = strings.Replace(string(e.AppendCloudEvent(nil)), `,"schemaversion":"2"`, "", 1)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
