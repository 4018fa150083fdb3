package servers

import (
	"os/exec"
	"strconv"
	"testing"
)

// Redis is a Redis server, which writes what it takes to a file before it answers.
type Redis struct {
	// Address is its host and port.
	Address string

	t       testing.TB
	dir     string
	port    int
	args    []string
	running *process
}

// StartRedis starts a server, with more of its options.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: apt-get install redis-server")
	}
	r := &Redis{t: t, dir: tempDir(t, "redis-"), port: FreePort(t), args: args}
	r.Address = local(r.port)
	r.Start()
	return r
}

// Start starts the server again, with what it has on disk.
func (r *Redis) Start() {
	r.t.Helper()
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--dir", r.dir, "--appendonly", "yes", "--save", ""}
	r.running = start(r.t, nil, "redis-server", append(args, r.args...)...)
	r.running.await("it serves", func() bool { return listens(r.Address) })
}

// Kill ends the server at once.
func (r *Redis) Kill() { r.running.kill() }
