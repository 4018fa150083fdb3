package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/journal"
	"signalbox/targets/targetstest/natsserver"
)

// TestTheLogSaysHowToFixTheServers, as a node that joins goes on trying.
func TestTheLogSaysHowToFixTheServers(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*server.Options)
		replicas int
		stream   string // a stream of others takes this subject
		want     string
	}{
		"JetStream is off":               {func(o *server.Options) { o.JetStream = false }, 1, "", "enable JetStream"},
		"fewer servers than replicas":    {nil, 3, "", "set cluster.replicas: 1"},
		"another stream has the subject": {nil, 1, "signalbox.late.>", "set cluster.name to another name"},
		"a password is asked for":        {func(o *server.Options) { o.Username, o.Password = "a", "a-password" }, 1, "", "correct cluster.user"},
	} {
		t.Run(name, func(t *testing.T) {
			s := natsserver.Start(t, t.TempDir(), -1, test.change)
			if test.stream != "" {
				a := join(t, s, 1) // a node of another cluster
				_, err := a.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{test.stream}})
				must(t, err)
			}
			core, logs := observer.New(zap.WarnLevel)
			joined := make(chan *Node, 1)
			ctx, stop := context.WithCancel(t.Context())
			go func() {
				n, _ := Join(ctx, Options{URL: s.ClientURL(), Name: "late", Node: 1, Advertise: "http://node", Replicas: test.replicas, Logger: zap.New(core)})
				joined <- n
			}()
			until(t, "the log says what to do", func() bool { return strings.Contains(fmt.Sprint(logs.All()), test.want) })
			stop()
			if n := <-joined; n != nil {
				n.Close()
			}
		})
	}
}

// TestTheLogSaysThatTheServersHaveNoRoom.
func TestTheLogSaysThatTheServersHaveNoRoom(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.JetStreamMaxStore = 1 << 20 })
	core, logs := observer.New(zap.WarnLevel)
	n, err := Join(t.Context(), Options{URL: s.ClientURL(), Name: "orders", Node: 1, Advertise: "http://node", Replicas: 1, Logger: zap.New(core)})
	must(t, err)
	t.Cleanup(n.Close)
	term := lead(t, n, new(memory))
	if _, err := term.Append(make([]byte, 2<<20)); !errors.Is(err, journal.ErrNotLeading) { // not before the lease ends, which has no room either
		t.Errorf("got %v", err)
	}
	if all := fmt.Sprint(logs.All()); !strings.Contains(all, "raise max_file_store") {
		t.Error(all)
	}
}

func TestServersThatAreTooOldAreKnown(t *testing.T) {
	for version, old := range map[string]bool{"2.9.10": true, "2.10.29": true, "1.4.1": true, "2.11.0": false, "2.15.1-preview.2": false, "3.0.0": false, "": false, "other": false} {
		if tooOld(version) != old {
			t.Errorf("%q: got %v", version, !old)
		}
	}
}
