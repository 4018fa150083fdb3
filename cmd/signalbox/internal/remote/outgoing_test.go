package remote

import (
	"strings"
	"testing"
)

func TestSplitEvents(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
		wantErr  string
	}{
		{"one, byte for byte", `{"source": "a",  "detail": {"n": 1.0}}`, []string{`{"source": "a",  "detail": {"n": 1.0}}`}, ""},
		{"an array", `[{"a":1}, {"b":2}]`, []string{`{"a":1}`, `{"b":2}`}, ""},
		{"lines", "{\"a\":1}\n\n{\"b\":2}\n", []string{`{"a":1}`, `{"b":2}`}, ""},
		{"an entry of PutEvents", `{"Source":"s","DetailType":"t","Detail":"{\"n\":1.0}","EventBusName":"b"}`,
			[]string{`b: {"detail":{"n":1.0},"detail-type":"t","source":"s"}`}, ""},
		{"an entry with its detail as an object, and a time", `{"Source":"s","Detail":{"n":1},"Time":1700000000}`,
			[]string{`{"detail":{"n":1},"source":"s","time":"2023-11-14T22:13:20Z"}`}, ""},
		{"a request of PutEvents", `{"Entries":[{"Source":"s"},{"Source":"t","TraceHeader":"x","Resources":["r"]}]}`,
			[]string{`{"source":"s"}`, `{"resources":["r"],"source":"t","trace-header":"x"}`}, ""},
		{"an entry with a detail that is no JSON", `{"Source":"s","Detail":"{"}`, nil, "Detail: not valid JSON"},
		{"an entry with an unknown member", `{"Source":"s","Sauce":1}`, nil, "Sauce: an entry of PutEvents has no such member"},
		{"nothing", " \n", nil, "the input holds none"},
		{"an empty array", "[]", nil, "the input holds none"},
		{"broken in line 2", "{}\n{,}", nil, "line 2"},
		{"cut off", `{"a":`, nil, "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, err := splitEvents([]byte(tt.in))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range events {
				text := string(e.json)
				if e.bus != "" {
					text = e.bus + ": " + text
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestOverrideUsesTheNamesOfTheForm(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"the canonical envelope", `{"source":"old"}`, `{"detail":{"n":1},"detail-type":"t","source":"s"}`},
		{"a CloudEvent", `{"specversion":"1.0","type":"old"}`, `{"data":{"n":1},"source":"s","specversion":"1.0","type":"t"}`},
		{"an OCI event", `{"eventType":"old"}`, `{"data":{"n":1},"eventType":"t","source":"s"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := outgoing{json: []byte(tt.in)}
			if err := o.override(said{"s", "t", `{"n":1}`}, "b"); err != nil {
				t.Fatal(err)
			}
			if string(o.json) != tt.want || o.bus != "b" {
				t.Errorf("got %s on bus %q, want %s on b", o.json, o.bus, tt.want)
			}
		})
	}
}

func TestGroupsKeepTheOrderAndTheBounds(t *testing.T) {
	big := outgoing{json: []byte(`"` + strings.Repeat("x", maxGroupBytes) + `"`)}
	events := []outgoing{{bus: "a", json: []byte("1")}, {bus: "a", json: []byte("2")}, {bus: "b", json: []byte("3")}, {bus: "a", json: []byte("4")}, big, big}
	for range maxGroup + 1 {
		events = append(events, outgoing{bus: "c", json: []byte("5")})
	}
	var got []int
	for _, g := range groups(events) {
		got = append(got, len(g.events))
	}
	want := []int{2, 1, 1, 1, 1, maxGroup, 1}
	if len(got) != len(want) {
		t.Fatalf("groups of %v events, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("groups of %v events, want %v", got, want)
		}
	}
	first := groups(events)[0]
	if body := string(first.body()); body != "[1,2]" {
		t.Errorf("the first body is %s", body)
	}
}
