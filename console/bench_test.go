package console_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"testing"

	"signalbox/event"
)

// BenchmarkPages measures the whole answer of pages, with CONSOLE_EVENTS events stored (20,000).
func BenchmarkPages(b *testing.B) {
	stored, err := strconv.Atoi(os.Getenv("CONSOLE_EVENTS"))
	if err != nil {
		stored = 20_000
	}
	w := newWorld(b)
	for n := 0; n < stored; n += 100 {
		batch := make([]*event.Event, 100)
		for i := range batch {
			batch[i] = &event.Event{Source: "shop.users", DetailType: "UserSignedUp", Detail: fmt.Appendf(nil, `{"n": %d}`, n+i)}
		}
		refused, err := w.router.Accept(context.Background(), batch)
		must(b, errors.Join(append(refused, err)...))
	}
	id := w.order(1, 500)
	w.settled(1)
	for _, path := range []string{
		"", "events", "events?source=none", "event?id=" + id, "targets", "deadletters", "rules", "flow", "rule?bus=default&name=search", "rule?bus=default&name=invoices", "state", "again"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				resp, err := w.server.Client().Get(w.server.URL + "/ui/" + path)
				must(b, err)
				_, err = io.Copy(io.Discard, resp.Body)
				must(b, errors.Join(err, resp.Body.Close()))
				if resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status)
				}
			}
		})
	}
}
