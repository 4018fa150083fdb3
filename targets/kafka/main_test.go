package kafka

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/targetstest"
)

// portVariable and dirVariable make this program a broker.
const (
	portVariable = "KAFKA_TEST_PORT"
	dirVariable  = "KAFKA_TEST_DIR"
)

func TestMain(m *testing.M) {
	if port, err := strconv.Atoi(os.Getenv(portVariable)); err == nil {
		options := []kfake.Opt{kfake.Ports(port), kfake.SeedTopics(3, "events")}
		if dir := os.Getenv(dirVariable); dir != "" {
			options = append(options, kfake.DataDir(dir), kfake.SyncWrites())
		} else {
			options = append(options, kfake.BlackholeProduce())
		}
		kfake.MustCluster(options...)
		select {} // until it is killed
	}
	goleak.VerifyTestMain(m)
}

// broker returns the address of a broker in a process of its own, and what starts it: with a
// directory in which it keeps what it takes, or, without one, for benchmarks.
func broker(t testing.TB, dir string) (address string, start func() (kill func())) {
	port := servers.FreePort(t)
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return address, func() func() {
		return servers.StartSelf(t, address, fmt.Sprintf("%s=%d", portVariable, port), dirVariable+"="+dir)
	}
}

// TestABrokerIsKilledUnderLoad: what it had acknowledged is there, and repeats have the same id.
func TestABrokerIsKilledUnderLoad(t *testing.T) {
	address, start := broker(t, t.TempDir())
	kill := start()
	target := open(t, "kafka://"+address, nil, targets.Env{})
	targetstest.SurvivesKill(t, target, func() { kill(); kill = start() }, func() (ids []string) {
		for _, r := range records(t, []string{address}, "events") {
			ids = append(ids, headersOf(r)["x-signalbox-delivery-id"])
		}
		return ids
	})
}
