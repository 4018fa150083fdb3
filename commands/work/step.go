package work

import (
	"encoding/json"
	"fmt"
	"time"

	"signalbox/event"
)

// StepSource is the source of the events that tell of the steps of work requests.
// No event from it moves one.
const StepSource = "signalbox.work-requests"

// stepTypes are the types of those events.
var stepTypes = map[Action]string{
	Accepted: "WorkRequestAccepted", InProgress: "WorkRequestStarted",
	Succeeded: "WorkRequestSucceeded", Failed: "WorkRequestFailed",
	Canceling: "WorkRequestCancelRequested", Canceled: "WorkRequestCanceled",
}

// stepProgressed is the type of a step within the state InProgress.
const stepProgressed = "WorkRequestProgressed"

// StepTypes returns the types of all those events.
func StepTypes() []string {
	all := []string{stepProgressed}
	for _, name := range stepTypes {
		all = append(all, name)
	}
	return all
}

// envelope is that of Oracle Cloud Infrastructure's events; see "Contents of an
// Event Message" in its documentation.
type envelope struct {
	EventType          string     `json:"eventType"`
	CloudEventsVersion string     `json:"cloudEventsVersion"`
	EventTypeVersion   string     `json:"eventTypeVersion"`
	Source             string     `json:"source"`
	EventTime          string     `json:"eventTime"`
	ContentType        string     `json:"contentType"`
	Data               data       `json:"data"`
	EventID            string     `json:"eventID"`
	Extensions         extensions `json:"extensions"`
}

// data is what a step's event tells.
type data struct {
	ResourceName  string    `json:"resourceName"`
	ResourceID    string    `json:"resourceId,omitempty"`
	WorkRequestID string    `json:"workRequestId"`
	Operation     string    `json:"operation"`
	Service       string    `json:"service"`
	EntityType    string    `json:"entityType"`
	Action        Action    `json:"actionType"`
	Percent       float64   `json:"percentComplete"`
	TimeAccepted  time.Time `json:"timeAccepted"`
	TimeStarted   time.Time `json:"timeStarted,omitzero"`
	TimeFinished  time.Time `json:"timeFinished,omitzero"`
	Error         *Failure  `json:"error,omitempty"`
	CommandID     string    `json:"commandId"`
}

type extensions struct {
	CorrelationID string `json:"correlationId"`
	CausationID   string `json:"causationId"`
}

// StepEvent returns the event that tells of the request's latest step, in the envelope
// of Oracle Cloud Infrastructure. It goes to the command's bus, has its
// correlation id, and is a test event where the command is one.
func (r *Request) StepEvent() (*event.Event, error) {
	step := r.History[len(r.History)-1]
	cause := step.CausationID
	if cause == "" {
		cause = r.CommandID
	}
	body, err := json.Marshal(envelope{
		EventType: r.stepType(), CloudEventsVersion: "0.1", EventTypeVersion: "1.0", Source: StepSource,
		EventTime: step.Time.UTC().Format(time.RFC3339Nano), ContentType: "application/json",
		Data: data{
			ResourceName: r.EntityType, ResourceID: r.EntityID, WorkRequestID: r.ID, Operation: r.Operation,
			Service: r.Service, EntityType: r.EntityType, Action: r.Action, Percent: r.Percent,
			TimeAccepted: r.TimeAccepted, TimeStarted: r.TimeStarted, TimeFinished: r.TimeFinished,
			Error: r.Error, CommandID: r.CommandID,
		},
		EventID: step.EventID, Extensions: extensions{CorrelationID: r.CorrelationID, CausationID: cause},
	})
	if err != nil {
		return nil, fmt.Errorf("step of work request %s: %w", r.ID, err)
	}
	e, err := event.DecodeOCI(body, event.Limits{})
	if err != nil {
		return nil, fmt.Errorf("step of work request %s: %w", r.ID, err)
	}
	e.Meta.Bus, e.Meta.Synthetic, e.Meta.Kind = r.Bus, r.Synthetic, event.KindEvent
	return e, nil
}

// stepType is the type of the latest step's event.
func (r *Request) stepType() string {
	n := len(r.History)
	if r.Action == InProgress && n > 1 && r.History[n-2].Action == InProgress {
		return stepProgressed
	}
	return stepTypes[r.Action]
}
