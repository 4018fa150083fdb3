package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets/targetstest/natsserver"
)

// TestSourceKilled kills the program while it takes in what a stream has. The stream gives
// nothing again that was acknowledged, so that all of it must have been in the journal.
func TestSourceKilled(t *testing.T) {
	const messages = 10_000
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	nc, err := natsio.Connect(s.ClientURL())
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}})
	must(t, err)
	// What a killed router had in hand comes again soon.
	consumer, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "signalbox-orders", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second})
	must(t, err)
	for n := range messages {
		_, err := js.PublishAsync("orders", fmt.Appendf(nil, `{"n": %d}`, n))
		must(t, err)
	}
	<-js.PublishAsyncComplete()

	p := newProcess(t, fmt.Sprintf(`
sources: {orders: {type: nats, url: "%s", stream: ORDERS, batch_size: 20, map: {detail-type: '"Order"'}}}
targets: {out: {type: log, path: out.jsonl}}
rules: [{name: all, pattern: {source: [orders]}, targets: [out]}]
`, s.ClientURL()))
	left := func() uint64 {
		info, err := consumer.Info(t.Context())
		must(t, err)
		return info.NumPending + uint64(info.NumAckPending)
	}
	kills := 0
	for kills < 10 && left() > messages/10 {
		p.start()
		time.Sleep(time.Duration(50+rand.N(200)) * time.Millisecond)
		p.kill()
		kills++
	}
	p.start()
	p.eventually(60*time.Second, "all taken in", func() bool { return left() == 0 })
	var ids map[int]map[string]bool
	p.eventually(60*time.Second, "all delivered", func() bool { ids = delivered(t, filepath.Join(p.dir, "out.jsonl")); return len(ids) == messages })
	for n, all := range ids {
		if len(all) != 1 {
			t.Errorf("message %d became %d events", n, len(all))
		}
	}
	t.Logf("killed %d times", kills)
	p.stop()
	if out, err := p.command("verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// delivered returns the ids of the events that a log target has written, by their n.
func delivered(t *testing.T, path string) map[int]map[string]bool {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	ids := map[int]map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Body struct {
				ID     string
				Detail struct{ N int }
			}
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Body.ID == "" {
			continue // a line that a kill has cut
		}
		e := line.Body
		if ids[e.Detail.N] == nil {
			ids[e.Detail.N] = map[string]bool{}
		}
		ids[e.Detail.N][e.ID] = true
	}
	return ids
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
