package router

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/dlq"
	"signalbox/event"
)

const toTell = `
buses: {default: {publish_dead_letters: true}, shop: {}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 2, max_age: 1h, min_backoff: 1s, max_backoff: 1s}, breaker: off}
  c: {type: http, url: "http://127.0.0.1:1/", order_by: detail.list}
  ops: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 1}, breaker: off}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: shop-orders, bus: shop, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: in-order, pattern: {source: [shop.lists]}, targets: [c]}
  - {name: deaths, pattern: {source: [signalbox], detail-type: [DeliveryDied]}, targets: [ops]}
`

// told returns the deaths that ops was told of, by the id of the dead letter.
func (b *bench) told() map[string][]death {
	b.t.Helper()
	all := map[string][]death{}
	for _, d := range b.fakes["ops"].deliveries() {
		e, err := event.ParseEnvelope(d.Envelope)
		if err != nil {
			b.t.Fatal(err)
		}
		var told death
		if err := json.Unmarshal(e.Detail, &told); err != nil {
			b.t.Fatal(err)
		}
		all[told.DeadLetter] = append(all[told.DeadLetter], told)
	}
	return all
}

func TestDeathsArePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toTell)
		b.start()
		defer func() { b.stop() }()
		b.fakes["a"].say(down)
		e, elsewhere := order(7), order(8)
		e.Meta.CorrelationID = "story"
		elsewhere.Meta.Bus = "shop"
		b.send(e, elsewhere)
		time.Sleep(10 * time.Second)
		b.settled()
		letters := b.letters(dlq.Filter{Bus: "default"})
		told := b.told()
		if len(letters) != 1 || len(told) != 1 || len(told[letters[0].ID]) != 1 {
			t.Fatalf("%d dead letters on the bus, told of %v, want one of each", len(letters), told)
		}
		got := told[letters[0].ID][0]
		if got.Event.ID != e.ID || got.Event.DetailType != "OrderCreated" || got.Event.Bus != "default" || got.Rule != "orders" || got.Target != "a" ||
			got.Attempts != 2 || got.Code == "" || got.Message == "" || got.DiedAt.IsZero() || got.Condition != "MaximumRetryAttempts" {
			t.Errorf("told %+v", got)
		}
		sent, err := event.ParseEnvelope(b.fakes["ops"].deliveries()[0].Envelope)
		if err != nil || sent.Source != "signalbox" || sent.DetailType != "DeliveryDied" {
			t.Errorf("the event is %+v, %v", sent, err)
		}
		if m := b.fakes["ops"].deliveries()[0].Meta; m.CausationID != e.ID || m.CorrelationID != "story" || m.Hops != 1 {
			t.Errorf("its metadata is %+v", m)
		}
		b.redrive(dlq.Redrive{Attempts: 1}) // and it dies again
		time.Sleep(time.Minute)
		b.settled()
		if n := len(b.told()[letters[0].ID]); n != 2 {
			t.Errorf("told of %d deaths after a replay that failed, want 2", n)
		}
	})
}

func TestNothingIsToldOfTheDeathsThatAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toTell)
		b.start()
		defer func() { b.stop() }()
		b.fakes["a"].say(down)
		b.fakes["ops"].say(answer(422, "INVALID_PARAMETER", true, 0))
		b.send(order(7))
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Dead != 2 || c.Planned != 2 {
			t.Errorf("got %+v, want the delivery and the one that told of it dead", c)
		}
	})
}

// What can't be sent at all dies as it is planned.
func TestDeathsAtPlanningArePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toTell)
		b.start()
		defer func() { b.stop() }()
		e := &event.Event{Source: "shop.lists", DetailType: "T", Detail: []byte(`{"list":[1]}`)}
		b.send(e)
		b.settled()
		letters := b.letters(dlq.Filter{})
		if len(letters) != 1 || len(b.told()[letters[0].ID]) != 1 {
			t.Fatalf("%d dead letters, told of %v", len(letters), b.told())
		}
	})
}
