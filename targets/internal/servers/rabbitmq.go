package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// RabbitMQ is a RabbitMQ server, whose user guest has the password guest.
type RabbitMQ struct {
	// Address is its host and port.
	Address string

	t                        testing.TB
	program, epmd, dir       string
	port, distPort, namePort int
	config                   string
	running                  *process
}

// rabbitMQ is where Debian has the server without its wrapper, which changes the user.
const rabbitMQ = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"

// StartRabbitMQ starts a server. Config is more of rabbitmq.conf.
func StartRabbitMQ(t testing.TB, config string) *RabbitMQ {
	t.Helper()
	found, err := filepath.Glob(rabbitMQ)
	if err != nil || len(found) == 0 {
		t.Skip("rabbitmq-server is not installed: apt-get install rabbitmq-server")
	}
	names, _ := filepath.Glob("/usr/lib/erlang/erts-*/bin/epmd")
	if len(names) == 0 {
		t.Skip("Erlang's epmd is not there: apt-get install rabbitmq-server")
	}
	r := &RabbitMQ{
		t: t, program: found[len(found)-1], epmd: names[len(names)-1], dir: tempDir(t, "rabbitmq-"),
		port: FreePort(t), distPort: FreePort(t), namePort: FreePort(t), config: config,
	}
	r.Address = local(r.port)
	r.Start()
	return r
}

// Start starts the server again, with what it has on disk.
func (r *RabbitMQ) Start() {
	r.t.Helper()
	file := func(name, text string) string {
		path := filepath.Join(r.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
		return path
	}
	env := []string{
		"HOME=" + r.dir, fmt.Sprintf("ERL_EPMD_PORT=%d", r.namePort), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=signalbox@localhost", fmt.Sprintf("RABBITMQ_NODE_PORT=%d", r.port), "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", r.distPort), "RABBITMQ_MNESIA_BASE=" + filepath.Join(r.dir, "mnesia"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(r.dir, "log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + file("plugins", "[]."), "RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf", r.config),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none",
	}
	names := start(r.t, env, r.epmd) // else the server would leave one behind
	names.await("it listens", func() bool { return listens(local(r.namePort)) })
	// The runtime closes every descriptor that there could be, one by one.
	r.running = start(r.t, env, "sh", "-c", "ulimit -n 4096; exec "+r.program)
	r.running.await("it serves", func() bool { return r.running.says("completed with") && listens(r.Address) })
}

// Kill ends the server as a power cut does.
func (r *RabbitMQ) Kill() { r.running.kill() }
