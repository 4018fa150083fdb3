package flow

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestTableAsJSON(t *testing.T) {
	rows := []Row{
		{API: "CreateOrder", Inputs: []string{"CreateOrder"}, Service: "Order", Action: "CreateOrder", Outputs: []string{"OrderCreated"}, Notes: "a <b>"},
		{Inputs: []string{}, Service: "log", Action: "log", Outputs: []string{}},
	}
	var out bytes.Buffer
	if err := WriteJSON(&out, rows); err != nil {
		t.Fatal(err)
	}
	var got []Row
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("got %+v, %v from\n%s", got, err, out.String())
	}
	out.Reset()
	if err := WriteJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("no rows are %q, %v", out.String(), err)
	}
}

func TestGraphAsJSON(t *testing.T) {
	var out bytes.Buffer
	g := &Graph{
		Nodes: []Node{{ID: "a", Lines: []string{"OrderCreated"}, Shape: Message, Kind: "event", Mark: "dead end"}, {ID: "b", Lines: []string{"r"}, Shape: RuleNode, InCycle: true}},
		Edges: []Edge{{From: "a", To: "b", InCycle: true}},
	}
	if err := WriteGraphJSON(&out, g); err != nil {
		t.Fatal(err)
	}
	var flat bytes.Buffer
	if err := json.Compact(&flat, out.Bytes()); err != nil {
		t.Fatal(err)
	}
	want := `{"nodes":[{"id":"a","shape":"message","label":["OrderCreated"],"kind":"event","mark":"dead end"},{"id":"b","shape":"rule","label":["r"],"in_cycle":true}],"edges":[{"from":"a","to":"b","in_cycle":true}]}`
	if flat.String() != want {
		t.Errorf("got %s\nwant %s", flat.String(), want)
	}
}
