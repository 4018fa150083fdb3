package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStuckAndClosedOutput: a router whose standard error nobody reads, and whose
// standard output is closed, runs, and stops when it is told to.
func TestStuckAndClosedOutput(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: "+address+"\ndata_dir: data\nmin_free_disk: 0\nlog: {level: debug}\ntargets: {out: {type: log}}\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "rules: [{name: all, pattern: {source: [shop]}, targets: [out]}]\n")

	cmd := exec.Command(os.Args[0], "serve", "--config", filepath.Join(dir, "config.yaml"))
	cmd.Env = append(os.Environ(), asProgram+"=1")
	stdoutReader, stdout := pipe(t)
	stderrReader, stderr := pipe(t)
	_ = stdoutReader.Close()
	defer stderrReader.Close()
	_ = stderr.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = stderr.Write(make([]byte, 1<<20)) // fills it
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = errors.Join(stdout.Close(), stderr.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()

	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	metrics := func() string {
		resp, err := client.Get("http://" + address + "/metrics")
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return string(text)
	}
	until(t, "metrics", func() bool { return strings.Contains(metrics(), "signalbox_log_lines_dropped_total") })
	resp, err := client.Post("http://"+address+"/v1/events", "application/json", strings.NewReader(`{"source":"shop","detail-type":"A","detail":{}}`))
	if err != nil || resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	until(t, "an attempt that failed", func() bool {
		return strings.Contains(metrics(), `signalbox_attempts_total{code="ERROR_FROM_TARGET",target="out"}`)
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("does not stop")
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// until polls for what happens in another process.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s in time", what)
		}
	}
}
