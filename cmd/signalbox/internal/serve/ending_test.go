package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
)

// TestAStopThatHangsIsEnded: what no step of the stop could end does not keep the process.
func TestAStopThatHangsIsEnded(t *testing.T) {
	exited := make(chan int, 1)
	cfg := config.Default()
	cfg.ShutdownTimeout = time.Millisecond
	s := newServer(&cli.Env{Stdout: io.Discard, Stderr: new(bytes.Buffer)}, cfg, nil)
	s.exit = func(code int) { exited <- code }
	ctx, cancel := context.WithCancel(t.Context())
	s.endInTime(ctx)
	began := time.Now()
	cancel()
	select {
	case code := <-exited:
		if took := time.Since(began); code != cli.ExitError || took > 10*time.Second {
			t.Errorf("code %d after %v", code, took)
		}
	case <-time.After(20 * time.Second):
		t.Error("continues")
	}
}

// TestStdLogIsAdopted: what libraries say goes to the log, and a stack is one entry.
func TestStdLogIsAdopted(t *testing.T) {
	var errs bytes.Buffer
	cfg := config.Default()
	cfg.Log = config.Log{Format: "json", Level: "debug"}
	s := newServer(&cli.Env{Stdout: io.Discard, Stderr: &errs}, cfg, nil)
	end := s.adoptStdLog()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") }))
	if resp, err := http.Get(server.URL); err == nil {
		t.Errorf("answered %d", resp.StatusCode)
	}
	server.Close()
	end()
	_ = s.outlet.Sync()
	var entry struct{ Level, Msg string }
	if err := json.Unmarshal(errs.Bytes(), &entry); err != nil || !strings.Contains(entry.Msg, "oh no") || strings.Contains(entry.Msg, "goroutine") {
		t.Errorf("logged %s: %v", errs.String(), err)
	}
}
