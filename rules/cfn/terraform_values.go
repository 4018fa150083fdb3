package cfn

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// overlay is a part of a resource: its values, and what is true where one is not known, or is sensitive; and how it is
// written.
type overlay struct{ values, unknown, sensitive, written any }

// member returns what is below a key.
func (o overlay) member(key string) overlay {
	of := func(v any) any {
		if m, ok := v.(map[string]any); ok {
			return m[key]
		}
		if v == true {
			return true
		}
		return nil
	}
	return overlay{of(o.values), of(o.unknown), of(o.sensitive), of(o.written)}
}

// item returns the item of a list.
func (o overlay) item(i int) overlay {
	of := func(v any) any {
		if list, ok := v.([]any); ok && i < len(list) {
			return list[i]
		}
		if v == true {
			return true
		}
		return nil
	}
	return overlay{of(o.values), of(o.unknown), of(o.sensitive), of(o.written)}
}

// keys are those of the values and of what is not known, sorted.
func (o overlay) keys() []string {
	all := map[string]bool{}
	for _, v := range []any{o.values, o.unknown} {
		m, _ := v.(map[string]any)
		for key := range m {
			all[key] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// blockReader reads the values of one resource.
type blockReader struct {
	*terraformReader
	of     *planResource
	config *configResource
}

// block renames the attributes of a block. What is not set is left out; what is not known, or sensitive, is a reference.
func (b *blockReader) block(o overlay, known words, path string) map[string]any {
	out := map[string]any{}
	for _, attribute := range o.keys() {
		w, ok := known[attribute]
		if !ok {
			if slices.Contains(ofProvider, attribute) {
				continue
			}
			w.name = attribute
		}
		if value := b.value(o.member(attribute), w, path+"."+attribute, attribute); value != nil {
			out[w.name] = value
		}
	}
	return out
}

// leads are the attributes whose value names another resource.
var leads = []string{"arn", "rule", "event_bus_name", "connection_arn", "event_source_arn"}

func (b *blockReader) value(o overlay, w word, path, attribute string) any {
	written, _ := o.written.(map[string]any)
	_, constant := written["constant_value"]
	switch v := o.values.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range o.keys() {
			if value := b.value(o.member(key), word{}, path+"."+key, ""); value != nil {
				out[key] = value
			}
		}
		return orNil(out)
	case []any:
		return b.list(o, v, w, path)
	case string:
		if v == "" {
			return nil
		}
		if address := b.byARN[v]; address != "" && slices.Contains(leads, attribute) {
			return map[string]any{"Ref": address}
		}
	}
	switch {
	case o.unknown == true && o.written == nil: // the provider makes it up
		return nil
	case o.unknown == true:
		if slices.Contains(leads, attribute) {
			if leads := b.leadsTo(written); leads != "" {
				return map[string]any{"Ref": leads}
			}
		}
		return map[string]any{"Ref": path}
	case o.values == nil:
		return nil
	case o.sensitive == true && !constant: // what the configuration has in plain text is none
		set(b.parameters, path, mapping("NoEcho", str("true")))
		return map[string]any{"Ref": path}
	}
	return o.values
}

// list reads blocks, or a list of values.
func (b *blockReader) list(o overlay, items []any, w word, path string) any {
	if len(items) == 0 {
		return nil
	}
	if w.below != nil && !w.list {
		block := b.block(o.item(0), w.below, path)
		if len(block) == 0 && w.name == "DeadLetterConfig" {
			return map[string]any{"Type": "SQS"} // whose ARN is known later alone
		}
		return orNil(block)
	}
	out := make([]any, len(items))
	for i := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if w.below != nil {
			out[i] = b.block(o.item(i), w.below, at)
		} else {
			out[i] = b.value(o.item(i), word{}, at, "")
		}
	}
	return out
}

// orNil returns a mapping as a value, which is nil where it is empty.
func orNil(m map[string]any) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// leadsTo returns the address of the resource that an expression leads to, in the plan or not; empty for none.
func (b *blockReader) leadsTo(written map[string]any) string {
	prefix := b.prefix(b.of)
	for _, reference := range references(written) {
		if address := b.lookup(prefix, reference, b.of.Index, b.config, 0); address != "" {
			return address
		}
	}
	for _, reference := range references(written) { // what is not in the plan, such as data
		if parts := segments(strings.TrimPrefix(reference, "data.")); len(parts) > 1 && strings.Contains(parts[0], "_") {
			address := prefix + parts[0] + "." + parts[1]
			if b.labels[address] == "" {
				b.labels[address] = parts[1]
			}
			return address
		}
	}
	return ""
}

// references are the texts of what an expression refers to.
func references(expression any) (all []string) {
	m, _ := expression.(map[string]any)
	list, _ := m["references"].([]any)
	for _, item := range list {
		if text, ok := item.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// key returns the index of a resource as addresses have it; empty for none.
func key(index json.RawMessage) string {
	if len(index) == 0 || string(index) == "null" {
		return ""
	}
	return "[" + string(index) + "]"
}
