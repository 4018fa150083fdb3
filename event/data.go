package event

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// setJSONData makes the data of a CloudEvent or an OCI event, a JSON value, the
// detail. What is not an object is wrapped in one; DataForm tells how to get it
// back. contentType is the type of the data, empty for JSON.
func (e *Event) setJSONData(raw []byte, contentType string) {
	switch {
	case raw[0] == '{':
		e.Detail = raw
		return
	case raw[0] == '"' && !isJSONType(contentType):
		e.Meta.DataForm = DataText
	default:
		e.Meta.DataForm = DataWrapped
	}
	e.Detail = wrap("data", raw)
}

// setBytes makes bytes that are not JSON the detail, as text where they are.
func (e *Event) setBytes(data []byte) {
	if utf8.Valid(data) {
		e.Meta.DataForm = DataText
		e.Detail = wrap("data", appendQuoted(nil, string(data)))
		return
	}
	e.Meta.DataForm = DataBase64
	e.Detail = wrap("data_base64", appendQuoted(nil, base64.StdEncoding.EncodeToString(data)))
}

func (e *Event) setNoData() {
	e.Meta.DataForm = DataAbsent
	e.Detail = []byte("{}")
}

func wrap(key string, value []byte) []byte {
	return fmt.Appendf(nil, `{"%s":%s}`, key, value)
}

// data is the JSON value of the data: the detail, or what it wraps. It is nil
// if there is none.
func (e *Event) data() []byte {
	switch e.Meta.DataForm {
	case DataAbsent:
		return nil
	case DataWrapped, DataText, DataBase64:
		if _, value, ok := bytes.Cut(e.Detail, []byte(":")); ok && len(value) > 0 {
			return value[:len(value)-1]
		}
	}
	if len(e.Detail) == 0 {
		return []byte("{}")
	}
	return e.Detail
}

// body is the data as the body of a message: the JSON value, or the text or the
// bytes that it holds.
func (e *Event) body() []byte {
	data := e.data()
	if f := e.Meta.DataForm; f != DataText && f != DataBase64 || len(data) < 2 || data[0] != '"' {
		return data
	}
	text, fault := unquote(data)
	if fault != nil {
		return data
	}
	if e.Meta.DataForm == DataBase64 {
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
			return decoded
		}
	}
	return []byte(text)
}

// isJSONType reports whether a media type is of JSON: none at all, a subtype json,
// or one that ends in +json.
func isJSONType(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	_, subtype, _ := strings.Cut(mediaType, "/")
	return mediaType == "" || subtype == "json" || strings.HasSuffix(subtype, "+json")
}
