package rabbitmq

import (
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// BenchmarkPublish publishes 600-byte events in batches of 100, beside the bare client with
// as many confirmations at a time, of bodies alone and with the headers that the target sends.
func BenchmarkPublish(b *testing.B) {
	server := start(b, "")
	server.queue("q", nil, "", "")
	batch := targetstest.Sized(100, 600)
	opened := server.open(func(o *Options) { o.RoutingKey = "q" }, targets.Env{}).(*target)
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
	for name, publishing := range map[string]func(*targets.Delivery) amqp.Publishing{
		"beside bodies": func(d *targets.Delivery) amqp.Publishing {
			return amqp.Publishing{DeliveryMode: amqp.Persistent, Body: d.Envelope}
		},
		"beside the same headers": func(d *targets.Delivery) amqp.Publishing {
			m, err := opened.render(d)
			if err != nil {
				b.Fatal(err)
			}
			return m.Publishing
		},
	} {
		b.Run(name, func(b *testing.B) {
			var all []amqp.Publishing
			for _, d := range batch {
				all = append(all, publishing(d))
			}
			targetstest.Beside(b, len(batch), targetstest.Sends(b, opened, batch), func(worker int) error {
				return publish(channels[worker], all)
			})
		})
	}
}

// publish publishes messages, which a queue must take, and waits for the confirmation of each.
func publish(ch *amqp.Channel, all []amqp.Publishing) error {
	var confirmations []*amqp.DeferredConfirmation
	for _, p := range all {
		c, err := ch.PublishWithDeferredConfirm("", "q", true, false, p)
		if err != nil {
			return err
		}
		confirmations = append(confirmations, c)
	}
	for _, c := range confirmations {
		if !c.Wait() {
			return errors.New("not confirmed")
		}
	}
	return nil
}
