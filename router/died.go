package router

import (
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// The event that tells of a dead letter, on a bus with publish_dead_letters.
const (
	diedSource = "signalbox"
	diedType   = "DeliveryDied"
)

// death is its detail.
type death struct {
	// DeadLetter is the id of the dead letter, for signalbox dlq show.
	DeadLetter string    `json:"dead_letter_id"`
	Event      deadEvent `json:"event"`
	Rule       string    `json:"rule"`
	RuleTarget string    `json:"rule_target"`
	Target     string    `json:"target"`
	Code       string    `json:"error_code"`
	Message    string    `json:"error_message"`
	Condition  string    `json:"exhausted_retry_condition,omitempty"`
	Status     int       `json:"status,omitempty"`
	Attempts   int       `json:"attempts"`
	DiedAt     time.Time `json:"died_at"`
}

// deadEvent names the event that was not delivered.
type deadEvent struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	DetailType string    `json:"detail_type"`
	Bus        string    `json:"bus"`
	Received   time.Time `json:"received"`
}

// died publishes that a delivery goes to the dead-letter queue, where the bus of its rule
// wants it. It is called before the death is written, and may be called again for it after
// a crash: the event is then a repeat. Of deliveries of such events themselves nothing is
// told.
func (in *intake) died(target string, it *queue.Item, dead *journal.Delivery) {
	bus := it.Bus()
	if !in.planner().set.Buses[bus].PublishDeadLetters {
		return
	}
	cause, err := event.ParseEnvelope(it.Envelope())
	if err == nil && cause.Source == diedSource && cause.DetailType == diedType {
		return
	}
	if err == nil {
		cause.Meta = *it.Meta()
		err = in.tellDeath(cause, target, bus, dead)
	}
	if err != nil {
		in.log.Error("the death of a delivery can't be published", zap.String("bus", bus), zap.String("target", target), zap.Error(err))
	}
}

func (in *intake) tellDeath(cause *event.Event, target, bus string, dead *journal.Delivery) error {
	id := dead.ID(bus)
	detail, err := json.Marshal(death{
		DeadLetter: id, Rule: dead.Rule, RuleTarget: dead.RuleTarget, Target: target, Attempts: dead.Attempts,
		Event: deadEvent{ID: cause.ID, Source: cause.Source, DetailType: cause.DetailType, Bus: cause.Meta.Bus, Received: cause.Meta.Received},
		Code:  dead.Death.Code, Message: dead.Death.Message, Condition: dead.Death.Condition, Status: dead.Death.Status, DiedAt: dead.Death.At,
	})
	if err != nil {
		return err
	}
	round := 0 // how often it has left the queue
	if dead.Lineage != nil {
		round = dead.Lineage.Count
	}
	e := &event.Event{Source: diedSource, DetailType: diedType, Detail: detail, Meta: event.Metadata{Bus: bus}}
	inherit(e, cause, &targets.Delivery{ID: id + "/died", Bus: bus, Rule: dead.Rule, Target: target}, round)
	e.Meta.Root = cause.Meta.Root // what comes of it is bounded with the rest; it is always told itself
	refused, err := in.takeNew(in.base, []*event.Event{e})
	if err != nil {
		return err
	}
	return refused[0]
}
