package nats

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

func batchQueue(t *testing.T, c targets.Config) targets.BatchTarget {
	t.Helper()
	c.Batch = &targets.Batch{}
	return targetstest.TakesBatches(t, Kind(), c, targets.Env{})
}

func TestQueueBatch(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	orders := stream(t, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, MaxMsgSize: 1 << 10})
	target := batchQueue(t, queueConfig(s, "a"))
	batch := targetstest.BatchOf(100)
	batch[7].Body = []byte(strings.Repeat("x", 2<<10))
	for range 2 { // the second time the server knows them
		each, whole := target.DeliverBatch(t.Context(), batch)
		if whole != nil || len(each) != 100 {
			t.Fatalf("%v, %v, want the error of one", each, whole)
		}
		for i, err := range each {
			if (err != nil) != (i == 7) {
				t.Errorf("delivery %d: %v", i, err)
			}
		}
		if e := targetstest.Error(t, each[7]); e.Code != targets.CodeInvalidParameter || !e.Final {
			t.Errorf("error %v", e)
		}
	}
	info, err := orders.Info(t.Context())
	if err != nil || info.State.Msgs != 99 {
		t.Errorf("the stream holds %d messages (%v), want 99", info.State.Msgs, err)
	}
}

func TestQueueBatchWithoutStream(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	each, whole := batchQueue(t, queueConfig(s, "nobody.listens")).DeliverBatch(t.Context(), targetstest.BatchOf(3))
	if got, want := targetstest.Codes(t, each), "NO_RESOURCE NO_RESOURCE NO_RESOURCE"; got != want || whole != nil {
		t.Errorf("%s, %v, want %s", got, whole, want)
	}
	c := queueConfig(s, "events.{source}")
	c.Options.(*Options).Stream, c.Options.(*Options).CreateStream = "EVENTS", true
	each, whole = batchQueue(t, c).DeliverBatch(t.Context(), targetstest.BatchOf(3))
	if err := errors.Join(append(each, whole)...); err != nil {
		t.Error(err)
	}
}

// TestQueueBatchRestart stops and starts the server under a target.
func TestQueueBatchRestart(t *testing.T) {
	dir := t.TempDir()
	s := natsserver.Start(t, dir, -1, nil)
	stream(t, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
	target := batchQueue(t, queueConfig(s, "a"))
	if each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(3)); each != nil || whole != nil {
		t.Fatal(each, whole)
	}
	port := s.Addr().(*net.TCPAddr).Port
	natsserver.Stop(s)
	each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(5))
	if err := errors.Join(append(each, whole)...); err == nil {
		t.Error("delivered to a server that is down")
	}
	natsserver.Start(t, dir, port, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		each, whole := target.DeliverBatch(ctx, targetstest.BatchOf(5))
		err := errors.Join(append(each, whole)...)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not delivered: %v", err)
		}
	}
}

func TestQueueBatchTimeout(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	c := queueConfig(s, "a")
	target := batchQueue(t, c)
	// A core subscriber takes the messages, and acknowledges none.
	nc := admin(t, s).Conn()
	if _, err := nc.SubscribeSync("a"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	each, whole := target.DeliverBatch(ctx, targetstest.BatchOf(2))
	if got, want := targetstest.Codes(t, each), "TIMEOUT TIMEOUT"; got != want || whole != nil {
		t.Errorf("%s, %v, want %s", got, whole, want)
	}
}
