package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/rules/exprenv"
)

// anyType is the type of an event whose sender does not name it.
const anyType = "webhook"

// Request is one webhook.
type Request struct {
	Header http.Header
	Query  url.Values
	Body   []byte
}

// Event returns the event of a request. It keeps nothing of the body. The error is an
// *event.Error: a body that is not what its content type says, or an expression of the hook
// that fails.
func (h *Hook) Event(r *Request, limits event.Limits) (*event.Event, error) {
	contentType, body, err := h.content(r)
	if err != nil {
		return nil, err
	}
	e, err := event.DecodeBody(contentType, body, limits)
	if err != nil {
		return nil, err
	}
	m := message(r, e, body)
	e.Source, e.Meta.Bus = h.source, h.Bus
	if h.sourceOf != nil {
		if e.Source, err = m.text(h.sourceOf, "source"); err != nil {
			return nil, err
		}
		if e.Source == "" {
			return nil, failed("source", h.sourceOf, errors.New("the result is nothing"))
		}
	}
	name, err := m.either(h.detailType, h.defaults.detailType, "detail_type")
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = anyType
	}
	e.SetType(name)
	// The id is the delivery's: it is known again whatever comes with it.
	if e.ID, err = m.either(h.id, h.defaults.id, "id"); err != nil {
		return nil, err
	}
	e.Meta.DedupKey = e.ID
	e.Time, err = m.at(h.time, h.defaults.time)
	return e, err
}

// content returns the body and its type: of a form the fields as JSON, or the JSON that
// GitHub and Slack put into its field payload.
func (h *Hook) content(r *Request) (contentType string, body []byte, err error) {
	contentType = r.Header.Get("Content-Type")
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/x-www-form-urlencoded":
		return h.form(r.Body)
	case "text/plain": // which some say of JSON
		if text := bytes.TrimSpace(r.Body); bytes.HasPrefix(text, []byte("{")) && json.Valid(text) {
			contentType = "application/json"
		}
	case "":
		if len(r.Body) > 0 && !json.Valid(r.Body) {
			contentType = "application/octet-stream"
		}
	}
	return contentType, r.Body, nil
}

// form returns the fields of a form as JSON.
func (h *Hook) form(text []byte) (contentType string, body []byte, err error) {
	fields, err := url.ParseQuery(string(text))
	if err != nil {
		return "", nil, invalid("the body is no form: %v", err)
	}
	if payload := fields["payload"]; len(payload) == 1 && len(fields) == 1 && (h.Verify == VerifyGitHub || h.Verify == VerifySlack) {
		return "application/json", []byte(payload[0]), nil
	}
	object := make(map[string]any, len(fields))
	for name, values := range fields {
		object[name] = values
		if len(values) == 1 {
			object[name] = values[0]
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return "", nil, invalid("the body is no form: %v", err)
	}
	return "application/json", out.Bytes(), nil
}

func invalid(format string, args ...any) error {
	return &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(format, args...)}
}

// values are what the expressions of a hook see of a request.
type values struct{ exprenv.Message }

// message returns the values of a request whose body has been decoded.
func message(r *Request, e *event.Event, body []byte) *values {
	v := &values{exprenv.Message{Headers: exprenv.HeadersOf(r.Header), Query: make(map[string]string, len(r.Query))}}
	for name, all := range r.Query {
		v.Query[strings.ToValidUTF8(name, "\ufffd")] = strings.ToValidUTF8(all[0], "\ufffd")
	}
	switch e.Meta.DataForm {
	case event.DataAsIs, event.DataWrapped:
		v.Body, _ = exprenv.DecodeJSON(body) // a number beyond their range leaves expressions without a body
	case event.DataText:
		v.Body = string(body)
	}
	return v
}

// either returns the text that the hook's own expression gives, which must not fail, or else
// that of the default, which may.
func (v *values) either(own, otherwise *exprenv.MessageProgram, key string) (string, error) {
	if own != nil {
		return v.text(own, key)
	}
	if otherwise == nil {
		return "", nil
	}
	text, err := v.text(otherwise, key)
	if err != nil {
		return "", nil // the provider sends something else now and then
	}
	return text, nil
}

// text returns what an expression gives as text; empty for nil.
func (v *values) text(p *exprenv.MessageProgram, key string) (string, error) {
	result, err := p.Run(&v.Message)
	if err != nil {
		return "", failed(key, p, err)
	}
	text, err := exprenv.Text(result)
	if err != nil {
		return "", failed(key, p, err)
	}
	return text, nil
}

func failed(key string, p *exprenv.MessageProgram, err error) error {
	return invalid("%s of the hook: %s: %v", key, p.Source(), err)
}

// at returns the time that an expression gives; none for nil.
func (v *values) at(own, otherwise *exprenv.MessageProgram) (time.Time, error) {
	p := own
	if p == nil {
		p = otherwise
	}
	if p == nil {
		return time.Time{}, nil
	}
	result, err := p.Run(&v.Message)
	var at time.Time
	if err == nil {
		at, err = timeOf(result)
	}
	switch {
	case err == nil:
		return at, nil
	case own == nil:
		return time.Time{}, nil
	}
	return time.Time{}, failed("time", p, err)
}

// The seconds of the years 1 to 9999, and from where on a number is one of milliseconds.
const (
	firstSecond  = -62_135_596_800
	lastSecond   = 253_402_300_799
	milliseconds = 100_000_000_000
)

// timeOf returns a time in RFC 3339, or in seconds or milliseconds since 1970.
func timeOf(value any) (time.Time, error) {
	var seconds float64
	switch value := value.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return value.UTC(), nil
	case int:
		seconds = float64(value)
	case float64:
		seconds = value
	case string:
		if value == "" {
			return time.Time{}, nil
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			at, err := time.Parse(time.RFC3339, value)
			return at.UTC(), err
		}
		seconds = n
	default:
		return time.Time{}, errors.New("the result is no time: it must be in RFC 3339, or in seconds or milliseconds since 1970")
	}
	if math.Abs(seconds) >= milliseconds {
		seconds /= 1000
	}
	if !(seconds >= firstSecond && seconds <= lastSecond) {
		return time.Time{}, fmt.Errorf("%v is no time since 1970", value)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), nil
}
