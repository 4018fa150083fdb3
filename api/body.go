package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signalbox/machine"
	"signalbox/spelling"
)

// maxRequest bounds the body of a request to the API, in bytes: an event with
// its JSON around it.
const maxRequest = 4 << 20

// bodyOf returns the body of a request, which must say no other type than JSON.
func bodyOf(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return bodyUpTo(w, r, maxRequest)
}

func bodyUpTo(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if err := checkJSON(r.Header); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil, unreadable(err)
	}
	if !utf8.Valid(body) {
		return nil, badRequest("body: it is not UTF-8")
	}
	return body, nil
}

// noBody refuses a body where a request takes none: what it asks for would be ignored. An empty
// object, which some clients always send, asks for nothing.
func noBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return unreadable(err)
	}
	if text := bytes.TrimSpace(body); len(text) > 0 && string(text) != "{}" {
		return &Error{Status: http.StatusBadRequest, Message: "the body would be ignored", Hint: "this request takes none: leave it out"}
	}
	return nil
}

// checkJSON refuses headers that say that a body is no plain JSON. One that has no type may be.
func checkJSON(header http.Header) error {
	if encoding := strings.Join(header.Values("Content-Encoding"), ", "); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupported("Content-Encoding", encoding, "send the JSON as it is")
	}
	text := strings.Join(header.Values("Content-Type"), ", ") // two are malformed
	if text == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(text)
	if json := media == "application/json" || strings.HasSuffix(media, "+json"); err == nil && json && strings.EqualFold(cmp.Or(params["charset"], "utf-8"), "utf-8") {
		return nil
	}
	return unsupported("Content-Type", text, "send application/json; with curl: -H 'Content-Type: application/json'")
}

func unsupported(header, value, hint string) error {
	return &Error{Status: http.StatusUnsupportedMediaType, Message: fmt.Sprintf("%s %q is not supported", header, value), Hint: hint}
}

// read decodes the body of a request: one object of JSON, with the members that the OpenAPI
// document names, each of them once.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	return readUpTo(w, r, into, maxRequest)
}

// readUpTo is read with another bound of the body, in bytes.
func readUpTo(w http.ResponseWriter, r *http.Request, into any, most int64) error {
	body, err := bodyUpTo(w, r, most)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	switch err := dec.Decode(into); {
	case errors.Is(err, io.EOF):
		return &Error{Status: http.StatusBadRequest, Message: "the body is empty", Hint: "send a JSON object"}
	case err != nil:
		return undecodable(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body: more follows after the first value")
	}
	if text := bytes.TrimSpace(body); text[0] != '{' {
		return badRequest("body: %s is no object", text)
	}
	return checkMembers(body, schemas{}.of(reflect.TypeOf(into)))
}

// undecodable turns the error of decoding a body into one to tell, in words of JSON.
func undecodable(err error) error {
	var wrong *json.UnmarshalTypeError
	var at *time.ParseError
	switch {
	case errors.As(err, &at):
		return badRequest("body: %q: write a time such as 2026-01-31T15:04:05Z", at.Value)
	case !errors.As(err, &wrong):
		return badRequest("body: %v", err)
	case wrong.Field == "":
		return badRequest("body: it must be an object, not %s", wrong.Value)
	}
	return badRequest("body: %q must be %s, not %s", wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:], kindOf(wrong.Type), wrong.Value)
}

// kindOf returns what JSON a type is read from.
func kindOf(t reflect.Type) string {
	return cmp.Or(map[reflect.Kind]string{
		reflect.Bool: "true or false", reflect.String: "a string", reflect.Int: "a whole number", reflect.Float64: "a number", reflect.Slice: "a list",
	}[t.Kind()], "an object")
}

// checkMembers returns an error if an object in a valid JSON text has a member twice, as readers
// differ about which of them counts, or one that its schema does not have: encoding/json takes
// "ALL" for "all". A nil schema has all members.
func checkMembers(text []byte, schema object) error {
	return membersOf(json.NewDecoder(bytes.NewReader(text)), schema)
}

// membersOf checks a value and those within. The depth is bounded, as encoding/json has read the
// text before.
func membersOf(dec *json.Decoder, schema object) error {
	token, _ := dec.Token()
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	known, closed := schema["properties"].(object)
	seen := map[string]bool{}
	for dec.More() {
		var inner object
		if open == '{' {
			key, _ := dec.Token()
			name, _ := key.(string)
			if seen[name] {
				return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("body: %q is there twice", name), Hint: "send it once"}
			}
			seen[name] = true
			if inner, _ = known[name].(object); closed && inner == nil {
				return unknownMember(name, slices.Sorted(maps.Keys(known)))
			}
		}
		if err := membersOf(dec, inner); err != nil {
			return err
		}
	}
	_, _ = dec.Token() // the end, which a valid text has
	return nil
}

func unknownMember(name string, known []string) error {
	problem := badRequest("body: unknown member %q%s", name, spelling.Suggest(name, known))
	problem.Hint = "the members here are " + strings.Join(known, ", ")
	return problem
}

// unreadable turns the error of reading a body into one to tell.
func unreadable(err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is over the limit of %d bytes", over.Limit)}
	case errors.Is(err, machine.ErrMemory):
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: http.StatusRequestTimeout, Message: "the body did not come in time", Hint: "send it again"}
	}
	return badRequest("body: %v", err)
}
