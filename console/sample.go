package console

import "encoding/json"

// sampleOf returns an event that a pattern is about, as far as its plain values tell.
func sampleOf(pattern json.RawMessage) map[string]any {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(pattern, &fields) // a pattern that serves is JSON
	e := map[string]any{"source": "example.app", "detail-type": "SomethingHappened", "detail": map[string]any{}}
	for _, name := range []string{"source", "detail-type", "detail"} {
		if value, ok := plain(fields[name]); ok {
			e[name] = value
		}
	}
	return e
}

// plain returns the first plain value of a pattern's field, and of an object those of its fields.
func plain(field json.RawMessage) (any, bool) {
	var list []any
	if json.Unmarshal(field, &list) == nil {
		for _, v := range list {
			if _, operator := v.(map[string]any); !operator {
				return v, true
			}
		}
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(field, &fields) != nil {
		return nil, false
	}
	object := map[string]any{}
	for name, f := range fields {
		if v, ok := plain(f); ok {
			object[name] = v
		}
	}
	return object, true
}
