package natsserver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// TestCluster writes to a stream of three replicas while a server is killed, and while the leader of
// the stream can't reach the others: another takes over, what was acknowledged is there, and no
// connection has gone around the ways.
func TestCluster(t *testing.T) {
	c := natsserver.StartCluster(t, natsserver.Build(t, t.TempDir()), natsserver.Settings{Sync: "always", MaxPayload: "1MB"})
	var ways []*targetstest.Way
	url := ""
	for _, s := range c.Servers {
		w := targetstest.NewWay(t, s.Address)
		ways = append(ways, w)
		url += ",nats://" + w.Address
	}
	nc, err := nats.Connect(url[1:], nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.PingInterval(500*time.Millisecond), nats.MaxPingsOutstanding(2))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	leader := func() (leader int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			info, err := stream.Info(ctx)
			cancel()
			if err == nil {
				if _, err = fmt.Sscanf(info.Cluster.Leader, "n%d", &leader); err == nil {
					return leader - 1
				}
			}
			if time.Now().After(end) {
				t.Fatalf("the stream has no leader within 30 s: %v", err)
			}
		}
	}
	acked, last := 0, 0
	publish := func(n int) (longest time.Duration) {
		t.Helper()
		for until := acked + n; acked < until; {
			begin := time.Now()
			for err := errors.New("none"); err != nil; {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err = js.Publish(ctx, "s", fmt.Append(nil, last))
				cancel()
				last++
				if time.Since(begin) > 30*time.Second {
					t.Fatalf("nothing is acknowledged for 30 s: %v", err)
				}
			}
			acked++
			longest = max(longest, time.Since(begin))
		}
		return longest
	}
	publish(50)
	first := leader()
	c.Servers[first].Kill()
	t.Logf("the leader is killed: %v until the next acknowledgement", publish(50))
	c.Servers[first].Start()
	second := leader()
	if second == first {
		t.Fatalf("server %d leads after it was killed", first+1)
	}
	for i := range c.Servers {
		if i != second {
			c.Hold(second, i, true)
		}
	}
	ways[second].Hold(true, true)
	t.Logf("the leader is held off: %v until the next acknowledgement", publish(50))
	if third := leader(); third == second {
		t.Errorf("server %d leads though nobody hears it", second+1)
	}
	c.Mend()
	ways[second].Mend()
	publish(50)
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs < uint64(acked) || info.State.Msgs > uint64(last) {
		t.Errorf("of %d messages %d were acknowledged; the stream has %+v, %v", last, acked, info, err)
	}
}
