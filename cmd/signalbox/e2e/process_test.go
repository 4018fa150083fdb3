// Package e2e runs the real program in a process of its own: real clients send
// to it, it is killed under load, its rule files are broken while events flow.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "signalbox-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "signalbox")
		build := exec.Command("go", "build", "-o", program, "signalbox/cmd/signalbox")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "the program does not build:", err)
			return 1
		}
		return m.Run()
	}())
}

// process is a router in a process of its own.
type process struct {
	t    testing.TB
	dir  string
	url  string
	args []string
	env  []string
	// on is the machine that it runs on, and binary what it runs.
	on     targetstest.Machine
	binary string
	cmd    *exec.Cmd
	log    *os.File
	// key is what requests are made with, where the router wants one.
	key atomic.Pointer[string]
}

// newProcess prepares a directory with a configuration; rules go to rules.yaml.
func newProcess(t testing.TB, rules string) *process {
	t.Helper()
	return newProcessIn(t, t.TempDir(), rules)
}

func newProcessIn(t testing.TB, dir, rules string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, binary: program}
	address := targetstest.FreeAddress(t)
	p.url = "http://" + address
	p.write("config.yaml", "listen: "+address+"\ndata_dir: ./data\nrules: [rules.yaml]\n")
	p.write("rules.yaml", rules)
	var err error
	if p.log, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		p.log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			t.Logf("the end of the program's log:\n%s", b[max(0, len(b)-4000):])
		}
	})
	return p
}

// move moves a program that has not been started yet to a machine: it listens at its address, and has its data there.
func (p *process) move(to targetstest.Machine) {
	p.t.Helper()
	p.on = to
	if to.Dir != "" {
		p.write("config.yaml", strings.Replace(p.read("config.yaml"), "./data", filepath.Join(to.Dir, "router"), 1))
	}
	if to.IP == "" {
		return
	}
	was := strings.TrimPrefix(p.url, "http://")
	address := to.Listen(p.t, 8080)
	p.url = "http://" + address
	p.write("config.yaml", strings.Replace(p.read("config.yaml"), was, address, 1)+"allow_unauthenticated: true\n")
}

func (p *process) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// signal sends a signal to the program.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the program and waits until it is ready.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	p.eventually(30*time.Second, "ready", p.ready)
}

// impatient gives up on a program that does not answer.
var impatient = &http.Client{Timeout: 5 * time.Second}

// ready asks the program whether it is.
func (p *process) ready() bool {
	r, err := impatient.Get(p.url + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// launch runs the program.
func (p *process) launch() {
	p.t.Helper()
	p.cmd = p.on.Command(p.binary, append([]string{"serve", "--config", filepath.Join(p.dir, "config.yaml")}, p.args...)...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the program as a power cut would end it, and reaps it.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// stop ends the program in good order.
func (p *process) stop() {
	p.t.Helper()
	p.signal(os.Interrupt)
	err := p.cmd.Wait()
	p.cmd = nil
	if err != nil {
		p.t.Errorf("the program did not stop in good order: %v", err)
	}
}

// command runs another command of the program, and returns what it printed.
func (p *process) command(args ...string) (string, error) {
	out, err := exec.Command(program, append(args, "--config", filepath.Join(p.dir, "config.yaml"))...).CombinedOutput()
	return string(out), err
}

// verify stops the program and checks its store against itself.
func (p *process) verify() {
	p.t.Helper()
	p.stop()
	if out, err := p.command("verify"); err != nil {
		p.t.Errorf("verify: %v\n%s", err, out)
	}
}

// eventually polls a real process for a condition; there is no clock to fake.
func (p *process) eventually(limit time.Duration, what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not %s within %v", what, limit)
		}
	}
}

// accounts are the counts that the program tells.
type accounts struct {
	Events     struct{ Accepted, Unmatched uint64 }
	Deliveries struct{ Planned, Ready, Waiting, Dead, Delivered, Dropped uint64 }
}

func (p *process) accounts() (a accounts, err error) {
	r, err := p.do(http.DefaultClient, http.MethodGet, "/v1/accounts", nil)
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return a, errors.New(r.Status)
	}
	return a, json.NewDecoder(r.Body).Decode(&a)
}

// do makes a request with the key that is in use.
func (p *process) do(client *http.Client, method, path string, body []byte, headers ...string) (*http.Response, error) {
	r, err := http.NewRequest(method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if key := p.key.Load(); key != nil {
		r.Header.Set("Authorization", "Bearer "+*key)
	}
	return client.Do(r)
}

// reload makes the router read its files again, and returns the status of the answer.
func (p *process) reload() int {
	p.t.Helper()
	r, err := p.do(http.DefaultClient, http.MethodPost, "/-/reload", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

// rounds is how often a fault is repeated: a few times in every run of the
// tests, as often as CHAOS_ROUNDS says in a longer one.
func rounds(t *testing.T, usual int) int {
	t.Helper()
	return fromEnvironment(t, "CHAOS_ROUNDS", usual)
}

// fromEnvironment returns a number that a variable gives, or the usual one.
func fromEnvironment(t testing.TB, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
