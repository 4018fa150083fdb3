package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
)

// program is a router in a process of its own.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stderr *output
	ended  chan error
	client http.Client
}

// startProgram starts a router on a free port, with the configuration in dir and more
// options, and waits until it is ready.
func startProgram(t *testing.T, dir, options string, args ...string) *program {
	t.Helper()
	p := prepareProgram(t, dir, options, args...)
	p.run()
	return p
}

// prepareProgram is startProgram without the start.
func prepareProgram(t *testing.T, dir, options string, args ...string) *program {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	write(t, dir, "config.yaml", "listen: "+address+"\ndata_dir: data\nmin_free_disk: 0\nrules: [rules.yaml]\n"+options)
	p := &program{t: t, url: "http://" + address, stderr: new(output), ended: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], append([]string{"serve", "--config", filepath.Join(dir, "config.yaml")}, args...)...)
	return p
}

// run runs the program's command until the test ends, and waits until it is ready.
func (p *program) run() {
	p.t.Helper()
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		p.client.CloseIdleConnections()
		if p.t.Failed() {
			p.t.Logf("the router said:\n%s", p.stderr)
		}
	})
	until(p.t, "readiness", func() bool { return p.status("/readyz") == http.StatusOK || len(p.ended) > 0 })
}

// get asks the router for a path; a status of 0 means that it did not answer.
func (p *program) get(path string) (status int, body string) {
	resp, err := p.client.Get(p.url + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func (p *program) status(path string) int {
	status, _ := p.get(path)
	return status
}

// send sends an event, and returns the status of the answer.
func (p *program) send() int {
	resp, err := p.client.Post(p.url+"/v1/events", "application/json", strings.NewReader(`{"source":"shop","detail-type":"A","detail":{}}`))
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// endsWithin waits for the end, and returns how it ended.
func (p *program) endsWithin(d time.Duration) error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(d):
		p.t.Fatalf("does not end within %v", d)
		return nil
	}
}

const sendsAll = "rules: [{name: all, pattern: {source: [shop]}, targets: [out]}]\n"

// slack is what a busy machine may add to the time of a stop.
const slack = time.Second

func TestDrainDelayKeepsTakingEvents(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	const delay = time.Second
	p := startProgram(t, dir, "drain_delay: 1s\nshutdown_timeout: 1s\ntargets: {out: {type: log}}\n")
	began := time.Now()
	p.signal(syscall.SIGTERM)
	until(t, "readiness 503", func() bool { return p.status("/readyz") == http.StatusServiceUnavailable })
	if got := p.status("/healthz"); got != http.StatusOK {
		t.Errorf("healthz: %d", got)
	}
	if got := p.send(); got != http.StatusOK {
		t.Errorf("an event while draining: %d", got)
	}
	if err := p.endsWithin(delay + time.Second + 2*time.Second + slack); err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("ended after %v, before the delay", took)
	}
	if got := p.send(); got != 0 {
		t.Errorf("an event after the end: %d", got)
	}
}

// TestStopBreaksOffAHungTarget: the stop ends in time with code 0, says what it has broken
// off, and the next start makes it again.
func TestStopBreaksOffAHungTarget(t *testing.T) {
	var came atomic.Int32
	var open atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		came.Add(1)
		if !open.Load() {
			<-r.Context().Done()
		}
	}))
	defer target.Close()
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	options := "shutdown_timeout: 200ms\nlog: {format: json}\ntargets: {out: {type: http, url: '" + target.URL + "', timeout: 1m}}\n"
	p := startProgram(t, dir, options)
	p.send()
	p.send()
	until(t, "two attempts", func() bool { return came.Load() == 2 })
	// Half of a request must not keep it up either.
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	p.signal(syscall.SIGTERM)
	if err := p.endsWithin(200*time.Millisecond + 2*time.Second + slack); err != nil {
		t.Errorf("ended with %v, want code 0", err)
	}
	until(t, "the number", func() bool { return strings.Contains(p.stderr.String(), `"attempts":2`) })
	open.Store(true)
	startProgram(t, dir, options)
	until(t, "the attempts again", func() bool { return came.Load() == 4 })
}

// TestStopDoesNotWaitForAHungReload: a configuration that has become a pipe is never read
// to its end.
func TestStopDoesNotWaitForAHungReload(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	p := startProgram(t, dir, "shutdown_timeout: 1s\ntargets: {out: {type: log}}\n")
	pipe, path := filepath.Join(dir, "pipe"), filepath.Join(dir, "config.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.Rename(pipe, path); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	// Whether the reload hangs now can't be seen from here; the pipe tells, whose writer
	// can be opened without waiting once it has a reader.
	until(t, "a reload that reads the pipe", func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
		return err == nil
	})
	p.signal(syscall.SIGTERM)
	if err := p.endsWithin(time.Second + 2*time.Second + slack); err != nil {
		t.Errorf("ended with %v, want code 0", err)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	came := make(chan struct{}, 1)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		came <- struct{}{}
		<-r.Context().Done()
	}))
	defer target.Close()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		dir := t.TempDir()
		write(t, dir, "rules.yaml", sendsAll)
		p := startProgram(t, dir, "shutdown_timeout: 1m\ntargets: {out: {type: http, url: '"+target.URL+"', timeout: 1m}}\n")
		p.send()
		<-came
		p.signal(syscall.SIGTERM)
		until(t, "the stop", func() bool { return strings.Contains(p.stderr.String(), "stopping") })
		p.signal(second)
		if err := p.endsWithin(2 * time.Second); err == nil {
			t.Errorf("%v: ended with code 0, as if all had ended", second)
		}
	}
}

// jsonLines fails where a line is no JSON object.
func jsonLines(t *testing.T, text string) (messages []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Msg == "" {
			t.Errorf("not an entry of the log: %s", line)
		}
		messages = append(messages, entry.Msg)
	}
	if len(messages) == 0 {
		t.Error("nothing was said")
	}
	return messages
}

func TestJSONLogHasNoOtherLines(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	const options = "log: {format: json}\nauth: {api_keys: [0123456789abcdef]}\ntargets: {out: {type: log}}\n"
	p := startProgram(t, dir, options)
	path := filepath.Join(dir, "config.yaml")
	taken := signalbox(t, "serve", "--config", path)
	if got := jsonLines(t, taken.stderr); taken.code != cli.ExitError || !strings.Contains(got[len(got)-1], "address already in use") {
		t.Errorf("a port in use: code %d, %q", taken.code, got)
	}
	write(t, dir, "rules.yaml", "rules: [{nam: x}]\n") // a reload that fails
	p.signal(syscall.SIGHUP)
	until(t, "the fault", func() bool { return strings.Contains(p.stderr.String(), "rules have faults") })
	p.signal(syscall.SIGTERM)
	if err := p.endsWithin(10 * time.Second); err != nil {
		t.Error(err)
	}
	until(t, "the end", func() bool { return strings.Contains(p.stderr.String(), "stopped") })
	if got := jsonLines(t, p.stderr.String()); got[0] != "listening" {
		t.Errorf("greeted with %q", got)
	}
	for name, faulty := range map[string]string{
		"rules":         "rules: [rules.yaml]\nlog: {format: json}\n",
		"configuration": "rules: [rules.yaml]\nlog: {format: json}\nlisten: nowhere\nlisten_on: x\n",
	} {
		write(t, dir, "config.yaml", faulty)
		o := signalbox(t, "serve", "--config", path)
		if got := jsonLines(t, o.stderr); o.code != cli.ExitError || !strings.Contains(got[0], "faults") {
			t.Errorf("faults of the %s: code %d, %q", name, o.code, got)
		}
	}
}

// TestStopWithAStuckOutput: a log target whose output nobody reads waits, and the stop does
// not wait for it for longer than for any target.
func TestStopWithAStuckOutput(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	reader, stdout := pipe(t)
	defer reader.Close()
	defer stdout.Close()
	_ = stdout.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = stdout.Write(make([]byte, 1<<20)) // fills it
	p := prepareProgram(t, dir, "shutdown_timeout: 500ms\ntargets: {out: {type: log, timeout: 1m}}\n")
	p.cmd.Stdout = stdout
	p.run()
	if got := p.send(); got != http.StatusOK {
		t.Fatalf("an event: %d", got)
	}
	until(t, "an attempt", func() bool {
		_, body := p.get("/v1/targets")
		return strings.Contains(body, `"in_flight":1`)
	})
	p.signal(syscall.SIGTERM)
	if err := p.endsWithin(500*time.Millisecond + 2*time.Second + slack); err != nil {
		t.Errorf("ended with %v, want code 0", err)
	}
}
