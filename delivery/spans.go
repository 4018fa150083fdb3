package delivery

import (
	"signalbox/event"
	"signalbox/telemetry"
)

// trace makes a span of the attempt, if it is sampled or has failed. Together is how many
// deliveries were sent at once.
func (a *Attempt) trace(together int) {
	t, it := a.lane.env.Tracer, a.Item
	sampled := t.Sampled(it.EventID(), it.Meta())
	if !sampled && (a.Failure == nil || !t.On()) {
		return
	}
	e, err := event.ParseEnvelope(it.Envelope())
	if err != nil {
		return // nothing like that is on disk
	}
	e.Meta = *it.Meta()
	x := &telemetry.Attempt{
		DeliveryID: a.Send.ID, Rule: it.Delivery.Rule, Target: a.lane.Target, Number: a.Send.Attempt, Batch: together,
		Kind: a.Target.Config.Type, Start: a.start, End: a.start.Add(a.result.Took), Status: a.result.Status,
	}
	if f := a.Failure; f != nil {
		x.Status, x.Code, x.Error = f.Status, f.Code, Message(f)
	}
	t.Record(telemetry.Attempted(event.NewTraceContext(it.EventID(), it.Meta(), a.Send.ID, a.Send.Attempt), e, x, sampled))
}
