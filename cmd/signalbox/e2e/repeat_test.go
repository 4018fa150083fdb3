package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestChaosRepeats kills the program while producers send events with ids and
// repeat each until it is acknowledged. Each id is delivered, and comes again only
// as the same delivery.
func TestChaosRepeats(t *testing.T) {
	x := newTrial(t)
	x.paths = []string{"/plain"}
	x.p.write("rules.yaml", fmt.Sprintf(`
targets:
  plain: {type: http, url: "%s/plain", %s}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [plain]}
`, x.s.url, retries))
	x.p.start()
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	var failed atomic.Pointer[error]
	for range 4 {
		x.producers.Go(func() {
			for !x.stop.Load() {
				if err := x.insist(client, int(x.next.Add(1))); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	t.Cleanup(func() { x.stop.Store(true); x.producers.Wait() })
	killed(x)
	x.judge()
	if err := failed.Load(); err != nil {
		t.Error(*err)
	}
}

// insist sends one event with an id again and again until it is acknowledged,
// and then once more.
func (x *trial) insist(client *http.Client, n int) error {
	id := fmt.Sprint("order-", n)
	for end := time.Now().Add(30 * time.Second); x.p.sendWithID(client, id, n) != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not acknowledged within 30 s", id)
		}
	}
	x.mu.Lock()
	x.acked[n] = acknowledged{id: id, at: time.Now()}
	x.mu.Unlock()
	_ = x.p.sendWithID(client, id, n)
	return nil
}

// sendWithID sends a CloudEvent with an id of its producer's.
func (p *process) sendWithID(client *http.Client, id string, n int) error {
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"shop.orders","type":"OrderCreated","data":{"n":%d}}`, id, n)
	resp, err := client.Post(p.url+"/v1/events", "application/cloudevents+json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
