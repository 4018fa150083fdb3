package transform

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/event"
)

func TestBodiesAreBounded(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	envelope := fmt.Appendf(nil, `{"detail":{"s":%q}}`, text)
	in := Input{Envelope: envelope, Event: &event.Event{Detail: fmt.Appendf(nil, `{"s":%q}`, text)}}
	splice := func(placeholder string) Spec {
		return Spec{InputTransformer: &InputTransformer{
			InputPathsMap: map[string]string{"s": "$.detail.s"},
			InputTemplate: "[" + strings.Repeat(placeholder+",", 20) + placeholder + "]",
		}}
	}
	expression := func(source string) Spec { return Spec{Transform: &source} }
	tests := []struct {
		name string
		spec Spec
		fits bool
	}{
		{"a path spliced often", splice("<s>"), false},
		{"the event spliced often", splice("<aws.events.event.json>"), false},
		{"a list of the same text", expression(`map(1..20, detail.s)`), false},
		{"a map of the same text", expression(`{"a": [detail, detail, detail, detail, detail, detail, detail, detail], "b": [detail, detail, detail, detail, detail, detail, detail, detail]}`), false},
		{"as large as it is", expression(`[detail, detail.s, {"again": detail.s}]`), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transform, err := Compile(tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			_, err = transform.Apply(in)
			if tooLarge := err != nil && strings.Contains(err.Error(), "the body would be longer than 16 MiB"); tooLarge == tt.fits || tt.fits && err != nil {
				t.Errorf("error %v", err)
			}
		})
	}
}
