package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestFewFileDescriptors: with 256 file descriptors and 500 strangers that hold connections
// open, the router says what it lacks, takes events, delivers them, and can be managed.
func TestFewFileDescriptors(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer target.Close()
	dir := t.TempDir()
	write(t, dir, "rules.yaml", sendsAll)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	config := write(t, dir, "config.yaml", "listen: "+address+"\ndata_dir: data\nmin_free_disk: 0\nrules: [rules.yaml]\n"+
		"targets: {out: {type: http, url: '"+target.URL+"', concurrency: 500}}\n")
	p := &program{t: t, url: "http://" + address, stderr: new(output), ended: make(chan error, 1)}
	p.client.Transport = &http.Transport{DisableKeepAlives: true}
	p.cmd = exec.Command("sh", "-c", `ulimit -n 256 && exec "$0" "$@"`, os.Args[0], "serve", "--config", config)
	p.run()
	if said := p.stderr.String(); !strings.Contains(said, "the concurrency of all http targets together is 500") {
		t.Errorf("no warning: %s", said)
	}
	for i := range 500 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			_, _ = fmt.Fprint(conn, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/v1/targets", "/metrics"} {
		if got := p.status(path); got != http.StatusOK {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := signalbox(t, "targets", "list", "--url", p.url); got.code != cli.ExitOK {
		t.Errorf("targets list: %+v", got)
	}
	if got := p.send(); got != http.StatusOK && got != http.StatusServiceUnavailable {
		t.Errorf("an event: %d", got)
	}
}

// TestMemoryHoldsAfterRestart: many targets that are down, each with a backlog far beyond
// its part of the memory, and many bodies that are half sent, end neither the router nor its
// answers, and it keeps to its memory.
func TestMemoryHoldsAfterRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a backlog of 120 MB")
	}
	const lanes, events, size = 100, 12, 100_000
	dir := t.TempDir()
	var rules strings.Builder
	rules.WriteString("targets:\n")
	for i := range lanes {
		fmt.Fprintf(&rules, "  t%d: {type: http, url: 'http://127.0.0.1:1/', timeout: 1s}\n", i)
	}
	rules.WriteString("rules:\n")
	for i := range lanes {
		fmt.Fprintf(&rules, "  - {name: r%d, pattern: {detail-type: [T%d]}, targets: [t%d]}\n", i, i, i)
	}
	write(t, dir, "rules.yaml", rules.String())
	const options = "limits: {memory: 128MiB}\nshutdown_timeout: 1s\n"
	p := startProgram(t, dir, options)
	big := strings.Repeat("x", size)
	for range events {
		for i := range lanes {
			body := fmt.Sprintf(`{"source":"shop","detail-type":"T%d","detail":{"x":%q}}`, i, big)
			resp, err := p.client.Post(p.url+"/v1/events", "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("answered %d", resp.StatusCode)
			}
		}
	}
	_ = p.cmd.Process.Kill()
	_ = p.endsWithin(10 * time.Second)
	p = startProgram(t, dir, options)
	part := make([]byte, 3<<20)
	for range 200 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { // until the router has had enough
			_, _ = fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(part)+1)
			_, _ = conn.Write(part)
		}()
	}
	until(t, "refusals for want of memory", func() bool {
		_, body := p.get("/metrics")
		return body != "" && !strings.Contains(body, `signalbox_requests_overload_total{bound="memory"} 0`)
	})
	for _, path := range []string{"/healthz", "/readyz", "/v1/targets"} {
		if got := p.status(path); got != http.StatusOK {
			t.Errorf("%s: %d", path, got)
		}
	}
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "status"))
	if err != nil {
		t.Skip("this system does not say how much memory a process uses")
	}
	var most int
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscan(rest, &most)
		}
	}
	t.Logf("at most %d MiB", most>>10)
	if limit := 256 << 10; most > limit { // of which the program and what the system caches for it are a part
		t.Errorf("used %d KiB, want at most %d", most, limit)
	}
}
