package rabbitmq

import (
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// BenchmarkPublish publishes 600-byte events in batches of 100, beside the bare client with
// as many confirmations at a time.
func BenchmarkPublish(b *testing.B) {
	server := start(b, "")
	server.queue("q", nil, "", "")
	batch := targetstest.Sized(100, 600)
	target := server.open(func(o *Options) { o.RoutingKey = "q" }, targets.Env{})
	conn, err := amqp.Dial("amqp://guest:guest@" + server.Address + "/")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	var channels []*amqp.Channel
	for range targetstest.InFlight {
		ch, err := conn.Channel()
		if err == nil {
			err = ch.Confirm(false)
		}
		if err != nil {
			b.Fatal(err)
		}
		channels = append(channels, ch)
	}
	targetstest.Beside(b, len(batch), targetstest.Sends(b, target, batch), func(worker int) error {
		var all []*amqp.DeferredConfirmation
		for _, d := range batch {
			c, err := channels[worker].PublishWithDeferredConfirm("", "q", false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: d.Envelope})
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		for _, c := range all {
			if !c.Wait() {
				return errors.New("not confirmed")
			}
		}
		return nil
	})
}
