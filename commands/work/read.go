package work

import (
	"cmp"
	"encoding/json"
	"strings"

	"signalbox/event"
)

// report is what the detail of an event tells of a work request. All of it may
// stand in an object "data" of the detail as well.
type report struct {
	ActionType      string          `json:"actionType"`
	PercentComplete json.RawMessage `json:"percentComplete"`
	Error           json.RawMessage `json:"error"`
	Operation       string          `json:"operation"`
	EntityType      string          `json:"entityType"`
	EntityID        string          `json:"entityId"`
	WorkRequestID   string          `json:"workRequestId"`
	Data            json.RawMessage `json:"data"`
}

// readReport reads a detail; what is of another type than it should be counts as
// absent.
func readReport(detail []byte) report {
	var s report
	_ = json.Unmarshal(detail, &s)
	if data := s.Data; len(data) > 0 && data[0] == '{' {
		_ = json.Unmarshal(data, &s)
	}
	return s
}

// percent is how far the work has come, nil where that is no number from 0 to 100.
func (s *report) percent() *float64 {
	var p *float64
	if json.Unmarshal(s.PercentComplete, &p) != nil || p == nil || *p < 0 || *p > 100 {
		return nil
	}
	return p
}

// New returns the work request of a command that has been accepted. The handler is
// the one delivery that the rules plan for it.
func New(id string, command *event.Event, handler Handler, eventID string) *Request {
	s := readReport(command.Detail)
	at := command.Meta.Received
	return &Request{
		ID: id, Operation: command.DetailType, Service: handler.Target,
		EntityType: cmp.Or(s.EntityType, entityOf(command.DetailType)), EntityID: s.EntityID,
		Action: Accepted, TimeAccepted: at, Handler: handler,
		CommandID: command.ID, CorrelationID: command.Meta.CorrelationID, Source: command.Source,
		Bus: command.Meta.Bus, Synthetic: command.Meta.Synthetic,
		History: []Step{{Action: Accepted, Time: at, EventID: eventID, CausationID: command.ID}},
	}
}

// Named reports whether an event names this work request, of several with its correlation id:
// by workRequestId, or by the operation, of which then no other may be open.
func (r *Request) Named(e *event.Event) bool {
	s := readReport(e.Detail)
	return s.WorkRequestID == r.ID || s.WorkRequestID == "" && s.Operation == r.Operation
}

// Read reads what an event with the request's correlation id tells of it; ok is
// false where it tells nothing. The detail counts first: actionType is one of the
// six states, percentComplete how far the work has come, error why it failed,
// entityId what it made. An event whose detail has no actionType is read by its
// name: the operation or the entity type, and then how it went, as
// CreateBdsInstanceStarted or bdsinstance.canceled. A workRequestId or an
// operation that is another's makes it tell nothing.
func (r *Request) Read(e *event.Event) (c Change, ok bool) {
	s := readReport(e.Detail)
	if s.WorkRequestID != "" && s.WorkRequestID != r.ID || s.Operation != "" && s.Operation != r.Operation {
		return Change{}, false
	}
	c = Change{EntityID: s.EntityID, CausationID: e.ID, At: e.Meta.Received, Note: "event " + e.DetailType}
	c.Percent = s.percent()
	switch {
	case s.ActionType != "":
		c.Action = Action(strings.ToUpper(s.ActionType))
	default:
		c.Action = r.byName(e.DetailType)
	}
	if c.Action == "" && c.Percent != nil {
		c.Action = InProgress
	}
	if c.Action == Failed {
		c.Error = failure(s.Error, e)
	}
	_, known := follows[c.Action]
	return c, known || c.Action.Ended()
}

// outcomes are the words at the end of an event's name that tell a state. They
// are the status pairs of common use, and the begin and end of OCI's events.
var outcomes = map[string]Action{
	"started": InProgress, "begin": InProgress, "progressed": InProgress,
	"succeeded": Succeeded, "completed": Succeeded, "end": Succeeded,
	"failed": Failed, "aborted": Failed,
	"canceling": Canceling, "canceled": Canceled, "cancelled": Canceled,
}

// byName returns the state that an event's name tells of this request, empty if none.
func (r *Request) byName(name string) Action {
	all := words(name)
	if parts := strings.Split(name, "."); len(all) == 1 && len(parts) > 1 {
		// The outcome has a part of its own, as in com.example.bdsinstance.canceled.v1.
		if isVersion(parts[len(parts)-1]) {
			parts = parts[:len(parts)-1]
		}
		all = append(words(parts[len(parts)-2]), all...)
	}
	if len(all) < 2 {
		return ""
	}
	last := len(all) - 1
	subject := strings.Join(all[:last], "")
	if subject == strings.Join(words(r.Operation), "") || subject == strings.ReplaceAll(r.EntityType, "-", "") {
		return outcomes[all[last]]
	}
	return ""
}

// failure reads the error of an event: a text, or an object with code and message.
func failure(raw json.RawMessage, e *event.Event) *Failure {
	f := &Failure{Message: "the handler's event " + e.DetailType + " says so"}
	var text string
	switch {
	case json.Unmarshal(raw, &text) == nil && text != "":
		f.Message = text
	case len(raw) > 0 && raw[0] == '{':
		_ = json.Unmarshal(raw, f)
	}
	f.Message = Bounded(f.Message)
	return f
}

// maxMessage bounds the text of an error, in bytes.
const maxMessage = 1024

// Bounded returns a text cut to what a work request keeps of it.
func Bounded(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}
