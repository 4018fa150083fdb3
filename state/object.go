package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
)

// defaultKeys are where an audit message says which object it is of, unless the
// catalog knows better; metadata.partitionKey comes before them.
var defaultKeys = []string{"detail.data.id", "detail.id"}

// Keyless is the error of an event that would change the state of an object, if it said of
// which. No audit message is refused with it.
type Keyless struct{ Type, Path string }

func (k *Keyless) Error() string {
	return fmt.Sprintf("%s changes the state of an object, and does not say of which: no text and no number is at %s, which the catalog declares as its key", k.Type, k.Path)
}

// Told returns the object whose state an event changes, nil for one that changes none: only
// audit messages do, and those that the catalog declares with a fold. The catalog may be nil.
// The error is for the producer, an *event.Error, or *Keyless.
//
// The object is gone where detail.metadata.deleted or detail.deleted is true, or
// detail.data is null.
func Told(c *catalog.Catalog, e *event.Event) (*journal.Object, error) {
	audit := e.Meta.Kind == event.KindAudit
	if !audit && !c.FoldsEvents() {
		return nil, nil
	}
	t, declared := c.For(e)
	if !audit && (!declared || t.Fold == nil) {
		return nil, nil
	}
	var detail map[string]any
	d := json.NewDecoder(bytes.NewReader(e.Detail))
	d.UseNumber() // a key is as it was written
	if err := d.Decode(&detail); err != nil {
		return nil, &event.Error{Code: event.CodeMalformedDetail, Message: "Detail is malformed."}
	}
	o := &journal.Object{Type: e.DetailType, Key: e.Meta.PartitionKey, Gone: gone(detail)}
	keys, also := defaultKeys, ", or detail.metadata.partitionKey"
	if declared {
		o.Type = t.ObjectName()
		if t.Key != "" {
			o.Key, keys, also = "", []string{t.Key}, ", which the catalog declares as its key"
		}
	}
	for _, path := range keys {
		if o.Key == "" {
			o.Key = text(at(detail, path))
		}
	}
	switch {
	case o.Key == "" && !audit:
		return nil, &Keyless{t.Name, t.Key}
	case o.Key == "":
		return nil, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"An audit message must say which object it is of: a text or a number at %s%s.", strings.Join(keys, ", or at "), also)}
	case len(o.Key) > journal.MaxObjectName || len(o.Type) > journal.MaxObjectName:
		return nil, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"The key of the object that a message is of must have at most %d bytes.", journal.MaxObjectName)}
	}
	return o, nil
}

// gone reports whether an audit message tells that its object is no more.
func gone(detail map[string]any) bool {
	data, has := detail["data"]
	return has && data == nil || at(detail, "detail.deleted") == true || at(detail, "detail.metadata.deleted") == true
}

// at returns the value at a dotted path that begins with "detail"; nil if there is none.
func at(detail map[string]any, path string) any {
	var v any = detail
	for _, step := range strings.Split(path, ".")[1:] {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[step]
	}
	return v
}

// text returns a text or a number as text; empty for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
