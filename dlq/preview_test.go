package dlq

import (
	"reflect"
	"testing"

	"signalbox/targets"
)

func TestChangesLeaveOutWhatDiffersEachTime(t *testing.T) {
	was := targets.Request{
		Method: "POST", Address: "http://a/", Body: "1",
		Headers: map[string]string{"X-Signalbox-Attempt": "3", "Traceparent": "00-a-b-01", "X-Old": "o", "X-Same": "s", "X-Key": "a"},
	}
	now := targets.Request{
		Method: "PUT", Address: "http://b/", Body: "2",
		Headers: map[string]string{"X-Signalbox-Attempt": "4", "Traceparent": "00-a-c-01", "X-New": "n", "X-Same": "s", "X-Key": "b"},
	}
	want := []Change{
		{"method", "POST", "PUT"},
		{"address", "http://a/", "http://b/"},
		{"header X-Key", "a", "b"},
		{"header X-New", "", "n"},
		{"header X-Old", "o", ""},
		{"body", "1", "2"},
	}
	if got := changes(was, now); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := changes(was, was); got != nil {
		t.Errorf("of the same: %+v", got)
	}
}
