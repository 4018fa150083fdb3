package event

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// DecodeCloudEventHTTP reads a CloudEvent 1.0 in the binary mode of the HTTP
// binding: attributes are headers that begin with ce-, the data is the body.
// The event keeps nothing of body. The error is an *Error.
func DecodeCloudEventHTTP(header http.Header, body []byte, limits Limits) (*Event, error) {
	attributes, err := headerAttributes(header)
	if err != nil {
		return nil, err
	}
	e := new(Event)
	contentType, err := e.setCloudEvent(attributes)
	if err != nil {
		return nil, err
	}
	text := trimSpace(body)
	switch {
	case len(body) == 0:
		e.setNoData()
	case !isJSONType(contentType):
		e.setBytes(body)
	case len(text) == 0:
		return nil, &Error{Code: CodeSerialization, Message: "the body is not valid JSON: it is white space alone"}
	default:
		fault := checkUTF8(body)
		if fault == nil {
			fault = checkValue(body, limits.depth())
		}
		if fault != nil {
			err := notJSON(fault)
			err.Message += " (data that is not JSON needs a Content-Type that says so)"
			return nil, err
		}
		e.setJSONData(slices.Clone(text), contentType)
	}
	e.understand()
	return e, nil
}

// checkValue checks that a text is one JSON value.
func checkValue(text []byte, maxDepth int) *syntaxError {
	s := scanner{text: text, maxDepth: maxDepth}
	if s.space(); !s.value(0) || !s.end() {
		return &s.fault
	}
	return nil
}

// headerAttributes are the attributes among the headers, in the order of their
// names, as headers have none.
func headerAttributes(header http.Header) ([]Attribute, *Error) {
	var list []Attribute
	for key, values := range header {
		name, ok := strings.CutPrefix(strings.ToLower(key), "ce-")
		if !ok {
			continue
		}
		path := "header ce-" + name
		switch {
		case !validAttributeName(name):
			return nil, invalid(path, "the name of a CloudEvents attribute has only the letters a-z and digits")
		case name == "datacontenttype":
			return nil, invalid(path, "must not be there; the Content-Type header says it")
		case name == "data":
			return nil, invalid(path, "must not be there; the body is the data")
		case len(values) != 1:
			return nil, invalid(path, "is there %d times; send it once", len(values))
		}
		value, err := decodeHeaderValue(path, values[0])
		if err != nil {
			return nil, err
		}
		list = append(list, Attribute{name, string(appendQuoted(nil, value))})
	}
	slices.SortFunc(list, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	if contentType := header.Get("Content-Type"); contentType != "" {
		if !utf8.ValidString(contentType) {
			return nil, invalid("header Content-Type", "invalid UTF-8")
		}
		list = append(list, Attribute{"datacontenttype", string(appendQuoted(nil, contentType))})
	}
	return list, nil
}

// decodeHeaderValue undoes the encoding of a header's value: a value in double
// quotes is unquoted, and then one round of percent-decoding follows (HTTP
// binding for CloudEvents 1.0, section 3.1.3.2). A '%' that begins no octet
// stands for itself, as SDKs are about that send values as they are.
func decodeHeaderValue(path, value string) (string, *Error) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = unquoteHeader(value[1 : len(value)-1])
	}
	decoded := percentDecode(value)
	if !utf8.ValidString(decoded) {
		return "", invalid(path, "invalid UTF-8")
	}
	return decoded, nil
}

func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if octet, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(octet)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unquoteHeader takes the backslashes out of a quoted string of HTTP.
func unquoteHeader(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// CloudEventBinary is the event in the binary mode, the inverse of DecodeCloudEventHTTP: its
// attributes, specversion among them and datacontenttype apart, with their values as plain text. The body
// is nil if the event has no data; it must not be changed, as it may be the event's detail.
func (e *Event) CloudEventBinary() (attributes []Attribute, contentType string, body []byte) {
	attributes = e.attributes()
	n := 0
	for _, a := range attributes {
		if a.Value[0] == '"' {
			a.Value = plainText(a.Value)
		}
		if a.Name == "datacontenttype" {
			contentType = a.Value
			continue
		}
		attributes[n] = a
		n++
	}
	if body = e.body(); body != nil && contentType == "" {
		contentType = "application/json"
	}
	return append(attributes[:n], Attribute{"specversion", "1.0"}), contentType, body
}

// plainText returns what a JSON string says.
func plainText(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := unquote([]byte(quoted))
	return text
}

// EscapeAttribute returns the value of an attribute as the HTTP binding has it: space, '"', '%'
// and all that is outside of U+0021 to U+007E are percent-encoded.
func EscapeAttribute(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '%' }) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
