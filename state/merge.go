package state

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// merged returns a document as a JSON merge patch (RFC 7396) leaves it. An empty document is one
// that is not there.
func merged(doc, patch []byte) ([]byte, error) {
	change, err := decode(patch)
	if err != nil {
		return nil, err
	}
	var target any
	if len(doc) > 0 {
		if target, err = decode(doc); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(mergePatch(target, change)); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte{'\n'}), nil
}

// decode returns a JSON value whose numbers are as they were written.
func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return v, nil
}

// mergePatch is MergePatch of RFC 7396, section 2. It changes target.
func mergePatch(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = mergePatch(object[name], value)
		}
	}
	return object
}
