package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// TestKillsBetweenADeathAndItsQueue: what has died before a kill comes to the queue of its rule, at least once
// and always under one id, and every event that was answered has died.
func TestKillsBetweenADeathAndItsQueue(t *testing.T) {
	f := targetstest.StartFauxQS(t)
	f.Queue("letters")
	s := newSink(t)
	s.be(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return false
	})
	p := newProcess(t, fmt.Sprintf(`
targets:
  plain: {type: http, url: %q, breaker: off}
  letters: {type: sqs, url: "sqs://us-east-1/000000000000/letters", endpoint: %q, access_key_id: test, secret_access_key: test, rate_limit: 300/s}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [{target: plain, dead_letter: letters}]}
`, s.url, f.Endpoint))
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	answered, behind := map[string]bool{}, 0
	for range rounds(t, 4) {
		p.start()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for {
				ids, err := p.put(client, 1, 2, 3, 4, 5)
				if err != nil {
					return // killed
				}
				for _, id := range ids {
					answered[id] = true
				}
			}
		}()
		p.eventually(time.Minute, "behind with its queue", func() bool {
			a, err := p.accounts()
			return err == nil && a.Deliveries.Ready > 300
		})
		if a, err := p.accounts(); err == nil {
			behind += int(a.Deliveries.Ready)
		}
		p.kill()
		<-gone
	}
	p.start()
	var a accounts
	p.eventually(2*time.Minute, "in the queue", func() bool {
		var err error
		a, err = p.accounts()
		return err == nil && a.Deliveries.Planned == a.Deliveries.Dead+a.Deliveries.Delivered
	})
	if n := a.Events.Accepted; n < uint64(len(answered)) || a.Deliveries.Planned != 2*n || a.Deliveries.Dead != n || a.Deliveries.Delivered != n {
		t.Errorf("%d events were answered; the accounts say %+v", len(answered), a)
	}
	came := map[string]string{}
	messages := f.Receive("letters")
	for _, m := range messages {
		of := func(name string) string { return *m.MessageAttributes[name].StringValue }
		event, delivery := of("x-signalbox-event-id"), of("x-signalbox-delivery-id")
		if other := came[event]; other != "" && other != delivery {
			t.Errorf("event %s came as %s and as %s", event, other, delivery)
		}
		if of("ERROR_CODE") != "INVALID_PARAMETER" || of("TARGET_ARN") != "arn:aws:signalbox:local:000000000000:target/plain" {
			t.Errorf("%+v", m.MessageAttributes)
		}
		came[event] = delivery
	}
	for id := range answered {
		if came[id] == "" {
			t.Errorf("event %s died, and never came to the queue", id)
		}
	}
	t.Logf("%d events were answered, %d messages came; %d deliveries were behind at kills", len(answered), len(messages), behind)
	p.verify()
}
