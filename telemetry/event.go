package telemetry

import (
	"encoding/json"
	"errors"
	"time"

	"signalbox/event"
)

// soon is how long after its acceptance an attempt still belongs to the span of an event's
// arrival. Later ones stand by themselves in the trace, with a link: whoever keeps traces has
// put the rest of it away by then.
const soon = 10 * time.Minute

// Arrived returns the span of an event that was accepted on a bus, at the time of its
// acceptance, and is now on disk.
func Arrived(c event.TraceContext, e *event.Event, now time.Time) *Span {
	s := &Span{
		Context: c, Name: "accept " + e.Meta.Bus, Kind: Consumer, Start: e.Meta.Received, End: now,
		Attributes: append(attributes(e),
			Attribute{Name: "messaging.operation.name", Text: "accept"}, Attribute{Name: "messaging.operation.type", Text: "receive"},
			Attribute{Name: "messaging.destination.name", Text: e.Meta.Bus}, Attribute{Name: "signalbox.format", Text: e.Meta.Format}),
	}
	s.linkTo(&e.Meta)
	s.Parent = spanOf(&e.Meta)
	return s
}

// Refused returns the span of an event that was not accepted.
func Refused(c event.TraceContext, e *event.Event, now time.Time, reason error) *Span {
	s := Arrived(c, e, now)
	s.Error = reason.Error()
	if refused, ok := errors.AsType[*event.Error](reason); ok {
		s.Attributes = append(s.Attributes, Attribute{Name: "error.type", Text: refused.Code})
	}
	return s
}

// ArrivedContext returns where the arrival of an event stands in its trace.
func ArrivedContext(id string, m *event.Metadata) event.TraceContext {
	return event.NewTraceContext(id, m, id, 0)
}

// Attempt is an attempt at a delivery.
type Attempt struct {
	// DeliveryID, Rule and Target name the delivery, Kind is the type of its target.
	DeliveryID, Rule, Target, Kind string
	// Number counts the attempts from 1, Batch is how many deliveries were sent together.
	Number, Batch int
	Start, End    time.Time
	// Status is that of an HTTP answer; 0 for none. Code and Error are why it failed.
	Status      int
	Code, Error string
}

// Attempted returns the span of an attempt. Sampled means that the arrival of its event has one.
func Attempted(c event.TraceContext, e *event.Event, a *Attempt, sampled bool) *Span {
	s := &Span{
		Context: c, Name: "deliver " + a.Target, Kind: Producer, Start: a.Start, End: a.End, Error: a.Error,
		Attributes: append(attributes(e),
			Attribute{Name: "messaging.operation.name", Text: "deliver"}, Attribute{Name: "messaging.operation.type", Text: "send"},
			Attribute{Name: "messaging.destination.name", Text: a.Target}, Attribute{Name: "signalbox.bus", Text: e.Meta.Bus}, Attribute{Name: "signalbox.rule", Text: a.Rule},
			Attribute{Name: "signalbox.target.type", Text: a.Kind}, Attribute{Name: "signalbox.delivery.id", Text: a.DeliveryID},
			Attribute{Name: "signalbox.delivery.attempt", Number: a.Number}, Attribute{Name: "error.type", Text: a.Code}),
	}
	if a.Batch > 1 {
		s.Attributes = append(s.Attributes, Attribute{Name: "messaging.batch.message_count", Number: a.Batch})
	}
	if a.Status != 0 {
		s.Attributes = append(s.Attributes, Attribute{Name: "http.response.status_code", Number: a.Status})
	}
	s.linkTo(&e.Meta)
	if a.Start.Sub(e.Meta.Received) < soon {
		if s.Parent = spanOf(&e.Meta); sampled {
			s.Parent = ArrivedContext(e.ID, &e.Meta).Span
		}
	}
	return s
}

// attributes are those of an event, as the conventions for messaging and for CloudEvents name
// them: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ and
// https://opentelemetry.io/docs/specs/semconv/cloudevents/cloudevents-spans/.
func attributes(e *event.Event) []Attribute {
	all := []Attribute{
		{Name: "messaging.system", Text: "signalbox"}, {Name: "messaging.message.id", Text: e.ID}, {Name: "messaging.message.conversation_id", Text: e.Meta.CorrelationID},
		{Name: "cloudevents.event_id", Text: e.ID}, {Name: "cloudevents.event_source", Text: e.Source}, {Name: "cloudevents.event_type", Text: e.DetailType},
	}
	if e.Meta.Format == event.FormatCloudEvents {
		all = append(all, Attribute{Name: "cloudevents.event_spec_version", Text: "1.0"})
	}
	for _, x := range e.Meta.Extensions {
		var subject string
		if x.Name == "subject" && json.Unmarshal([]byte(x.Value), &subject) == nil {
			all = append(all, Attribute{Name: "cloudevents.event_subject", Text: subject})
		}
	}
	return all
}

func (s *Span) linkTo(m *event.Metadata) {
	if event.ValidTraceParent(m.TraceParent) {
		s.Link = m.TraceParent
	}
}

// spanOf returns the id of the span that an event came of; 0 for none.
func spanOf(m *event.Metadata) uint64 {
	if !event.ValidTraceParent(m.TraceParent) {
		return 0
	}
	var id uint64
	for _, b := range unhex([]byte(m.TraceParent[36:52])) {
		id = id<<8 | uint64(b)
	}
	return id
}
