package servers

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Postgres is a PostgreSQL server, whose superuser postgres has the password sesame.
type Postgres struct {
	// Address is its host and port, Dir its directory.
	Address, Dir string

	t       testing.TB
	bin     string
	port    int
	drop    []string
	args    []string
	running *process
}

// StartPostgres starts a server, with more of its options.
func StartPostgres(t testing.TB, args ...string) *Postgres {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Skip("PostgreSQL is not installed: apt-get install postgresql")
	}
	p := &Postgres{t: t, bin: filepath.Dir(found[len(found)-1]), Dir: tempDir(t, "postgres-"), port: FreePort(t), args: args}
	p.Address = local(p.port)
	if os.Geteuid() == 0 { // as whom it refuses to run
		p.drop = []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"}
		p.Own(p.Dir)
	}
	p.Write("password", []byte("sesame"))
	init := p.command("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres", "--auth=scram-sha-256", "--pwfile="+p.File("password"), p.File("data"))
	if out, err := exec.Command(init[0], init[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.Start()
	return p
}

// File returns a path in the server's directory.
func (p *Postgres) File(name string) string { return filepath.Join(p.Dir, name) }

// Write writes a file that the server may read.
func (p *Postgres) Write(name string, data []byte) {
	p.t.Helper()
	if err := os.WriteFile(p.File(name), data, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.Own(p.File(name))
}

// Own gives a file to the user as whom the server runs.
func (p *Postgres) Own(path string) {
	p.t.Helper()
	if p.drop == nil {
		return
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		p.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid) // both are numbers
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Postgres) command(program string, args ...string) []string {
	return append(append(p.drop[:len(p.drop):len(p.drop)], filepath.Join(p.bin, program)), args...)
}

// Start starts the server again, with what it has on disk.
func (p *Postgres) Start() {
	p.t.Helper()
	args := []string{"-D", p.File("data"), "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-k", p.Dir}
	line := p.command("postgres", append(args, p.args...)...)
	p.running = start(p.t, nil, line[0], line[1:]...)
	p.t.Cleanup(p.Kill) // else its children live on for a moment
	p.running.await("it serves", func() bool {
		return exec.Command(filepath.Join(p.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port)).Run() == nil
	})
}

// Kill ends the server and its sessions at once, as pg_ctl stop -m immediate does: it recovers
// from its log when it starts again.
func (p *Postgres) Kill() {
	_ = p.running.cmd.Process.Signal(syscall.SIGQUIT) // which may have ended
	<-p.running.ended
}
