package event

import (
	"reflect"
	"testing"
	"time"
)

func TestAppendPutEventsIsTheInverse(t *testing.T) {
	want := []*Event{
		{Source: "s", DetailType: "T", Detail: []byte(`{"a":"\u00e9\n"}`), Time: time.Unix(1700000000, 123456000).UTC(),
			Resources: []string{"a", "b"}, Meta: Metadata{Bus: "b", XRay: "Root=1", Format: FormatEventBridge}},
		{Source: "s", DetailType: "T", Detail: []byte(`{}`), Meta: Metadata{Format: FormatEventBridge}},
	}
	batch, err := DecodePutEvents(AppendPutEvents(nil, want), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(batch.Events, want) || batch.Refused != nil {
		t.Errorf("got %+v, want %+v", batch.Events, want)
	}
}
