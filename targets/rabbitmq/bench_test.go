package rabbitmq

import (
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
	b.Run("target", func(b *testing.B) {
		server.t = b
		target := server.open(func(o *Options) { o.RoutingKey = "q" }, targets.Env{})
		for b.Loop() {
			if each, whole := target.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
				b.Fatal(each, whole)
			}
		}
		b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
	})
	b.Run("bare", func(b *testing.B) {
		conn, err := amqp.Dial("amqp://guest:guest@" + server.Address + "/")
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		ch, err := conn.Channel()
		if err == nil {
			err = ch.Confirm(false)
		}
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var all []*amqp.DeferredConfirmation
			for _, d := range batch {
				c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: d.Envelope})
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, c)
			}
			for _, c := range all {
				if !c.Wait() {
					b.Fatal("not confirmed")
				}
			}
		}
		b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}
