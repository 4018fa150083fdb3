// Package natsserver starts servers of NATS for tests.
package natsserver

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"signalbox/targets/internal/servers"
)

// Start starts a server with JetStream on loopback, which keeps its streams in dir and stops with
// the test; port -1 picks one that stays free while the server is down. Change, which may be nil, changes its options.
func Start(t testing.TB, dir string, port int, change func(*server.Options)) *server.Server {
	t.Helper()
	if port == -1 {
		port = servers.FreePort(t)
	}
	options := &server.Options{Host: "127.0.0.1", Port: port, StoreDir: dir, JetStream: true, NoLog: true, NoSigs: true}
	if change != nil {
		change(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { Stop(s) })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// Stop stops a server, and returns when it has stopped.
func Stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}
