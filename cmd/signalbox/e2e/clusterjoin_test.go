package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"signalbox/targets/targetstest/natsserver"
)

// TestClusterThatCanNotBeJoined: a node whose servers can't be used says so to whoever asks, and in its log how to fix
// them.
func TestClusterThatCanNotBeJoined(t *testing.T) {
	nats := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.JetStream = false })
	p := newProcess(t, "targets: {log: {type: log}}\n")
	p.write("config.yaml", p.read("config.yaml")+fmt.Sprintf("cluster: {nats: %q, name: orders, node: 1, advertise: %q, replicas: 1}\n", nats.ClientURL(), p.url))
	p.launch()
	answer := func(path string) string {
		response, err := p.do(http.DefaultClient, "GET", path, nil)
		if err != nil {
			return ""
		}
		defer response.Body.Close()
		b, _ := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, " ", string(b))
	}
	for _, path := range []string{"/readyz", "/v1/cluster"} {
		p.eventually(20*time.Second, path+" says that the node has not joined", func() bool {
			got := answer(path)
			return strings.HasPrefix(got, "503") && strings.Contains(got, "has not joined its cluster yet")
		})
	}
	p.eventually(20*time.Second, "the log says what to do", func() bool { return strings.Contains(p.read("log"), "enable JetStream") })
}
