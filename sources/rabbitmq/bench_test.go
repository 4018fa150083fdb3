package rabbitmq

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
)

// BenchmarkSource reads a queue beside a loop that has as many messages sent ahead, and
// acknowledges as many at a time.
func BenchmarkSource(b *testing.B) {
	const n, batch = 20_000, 256
	s := targetstest.StartRabbitMQ(b, "")
	conn, err := amqp.Dial("amqp://guest:guest@" + s.Address + "/")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	queues := 0
	sourcestest.Beside(b, n, func() (sources.Config, sourcestest.Bare) {
		queues++
		queue := fmt.Sprint("queue", queues)
		ch, err := conn.Channel()
		if err == nil {
			_, err = ch.QueueDeclare(queue, true, false, false, false, nil)
		}
		if err == nil {
			err = ch.Confirm(false)
		}
		var last *amqp.DeferredConfirmation
		for i := 0; i < n && err == nil; i++ {
			last, err = ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{Body: sourcestest.Envelope(), MessageId: fmt.Sprint(i)})
		}
		if err != nil || !last.Wait() {
			b.Fatal(err)
		}
		c := config(s.Address, queue)
		c.Map = nil
		return c, func(take sourcestest.Take, done <-chan struct{}) error {
			defer ch.Close()
			if err := ch.Qos(2*batch, 0, false); err != nil {
				return err
			}
			messages, err := ch.Consume(queue, "", false, false, false, false, nil)
			if err != nil {
				return err
			}
			var bodies [][]byte
			for i := 1; !sourcestest.Over(done); i++ {
				m := <-messages
				if bodies = append(bodies, m.Body); len(bodies) < batch && i < n {
					continue
				}
				if err := take(bodies); err != nil {
					return err
				}
				if err := m.Ack(true); err != nil {
					return err
				}
				bodies = nil
			}
			return nil
		}
	})
}
