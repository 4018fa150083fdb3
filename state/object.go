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

// Told returns the object whose state an audit message tells, nil for messages of
// other kinds. The catalog may be nil. The error is for the producer: an
// *event.Error.
//
// The object is gone where detail.metadata.deleted or detail.deleted is true, or
// detail.data is null.
func Told(c *catalog.Catalog, e *event.Event) (*journal.Object, error) {
	if e.Meta.Kind != event.KindAudit {
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
	if kind, key := declared(c, e); kind != "" {
		o.Type = kind
		if key != "" {
			o.Key, keys, also = "", []string{key}, ", which the catalog declares as its key"
		}
	}
	for _, path := range keys {
		if o.Key == "" {
			o.Key = text(at(detail, path))
		}
	}
	switch {
	case o.Key == "":
		return nil, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"An audit message must say which object it is of: a text or a number at %s%s.", strings.Join(keys, ", or at "), also)}
	case len(o.Key) > journal.MaxObjectName || len(o.Type) > journal.MaxObjectName:
		return nil, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"The key of the object that an audit message is of must have at most %d bytes.", journal.MaxObjectName)}
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

// declared returns the object's type and the path of its key, as the catalog
// declares them; empty where it does not.
func declared(c *catalog.Catalog, e *event.Event) (kind, key string) {
	t, ok := c.For(e)
	if !ok || t.Key == "" && t.Object == "" {
		return "", ""
	}
	if t.Object == "" {
		return e.DetailType, t.Key
	}
	return t.Object, t.Key
}
