package log

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

func TestLogLine(t *testing.T) {
	for _, test := range []struct {
		name           string
		envelope, body string
		want           string // of body
	}{
		{"envelope", targetstest.Envelope, "", targetstest.Envelope},
		{"envelope of several lines", "{\n \"a\":\t1.0,\r\n \"b\": \"x  y\"\n}", "", `{"a":1.0,"b":"x  y"}`},
		{"transformed", targetstest.Envelope, `{"order": 1}`, `{"order":1}`},
		{"text", targetstest.Envelope, "Order \"1\"\nwas created", `"Order \"1\"\nwas created"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			d := targetstest.Delivery()
			d.Envelope = []byte(test.envelope)
			if test.body != "" {
				d.Body = []byte(test.body)
			}
			d.Rule = `größer "als"`
			d.Meta = &event.Metadata{Synthetic: true}
			d.Attributes = []targets.Attribute{{Name: "ERROR_CODE", Value: `"TIMEOUT"`}}
			target := open(t, targets.Config{}, targets.Env{Stdout: &out})
			if err := target.Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			line, rest, ok := strings.Cut(out.String(), "\n")
			if !ok || rest != "" {
				t.Fatalf("wrote %q, want one line", out.String())
			}
			if !strings.HasSuffix(line, `,"synthetic":true,"body":`+test.want+"}") {
				t.Errorf("line %s, want body %s", line, test.want)
			}
			var got struct {
				Time, Rule, Target, Bus string
				DeliveryID              string `json:"delivery_id"`
				EventID                 string `json:"event_id"`
				Code                    string `json:"error_code"`
				Attempt                 int
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			if got.Rule != d.Rule || got.Target != d.Target || got.Bus != d.Bus || got.DeliveryID != d.ID || got.EventID != d.EventID || got.Code != `"TIMEOUT"` || got.Attempt != 1 || got.Time == "" {
				t.Errorf("line %s, want the delivery's fields", line)
			}
			preview, err := target.Preview(d)
			if err != nil {
				t.Fatal(err)
			}
			if preview.Method != "WRITE" || preview.Address != "stdout" || len(preview.Body) < len(line)-12 || !strings.HasSuffix(preview.Body, test.want+"}") {
				t.Errorf("preview = %+v, want the line", preview)
			}
		})
	}
}

func TestLogFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := open(t, targets.Config{Dir: dir, Options: &Options{Path: "events.jsonl"}}, targets.Env{})
	for range 2 {
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if len(lines) != 4 || lines[0] != "before\n" || !strings.Contains(lines[2], targetstest.Envelope) {
		t.Errorf("file holds %q, want two lines appended", lines)
	}
}

func TestLogFileThatCannotBeOpened(t *testing.T) {
	_, err := newNamed(targets.Config{Name: "audit", Options: &Options{Path: "/none/events.jsonl"}}, targets.Env{})
	if want := `target "audit": path: open /none/events.jsonl: no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// fullDisk takes the first half of the first write.
type fullDisk struct {
	bytes.Buffer
	full bool
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.full {
		return d.Buffer.Write(p)
	}
	d.full = true
	n, _ := d.Buffer.Write(p[:len(p)/2])
	return n, syscall.ENOSPC
}

func TestLogTornLine(t *testing.T) {
	out := &fullDisk{}
	target := open(t, targets.Config{}, targets.Env{Stdout: out})
	e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
	if e.Code != targets.CodeThrottling || e.Final || !errors.Is(e, syscall.ENOSPC) {
		t.Errorf("error %v, code %s, final %t, want one of the disk, to be retried", e, e.Code, e.Final)
	}
	if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 3 || json.Valid([]byte(lines[0])) || !json.Valid([]byte(lines[1])) {
		t.Errorf("lines %q, want the torn one, then a whole one", lines)
	}
}

func TestLogZap(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	target := open(t, targets.Config{Options: &Options{To: ToZap}}, targets.Env{Logger: zap.New(core)})
	d := targetstest.Delivery()
	d.Attributes = []targets.Attribute{{Name: "ERROR_CODE", Value: "TIMEOUT"}}
	if err := target.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	entries := logs.FilterMessage("event delivered").All()
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1", len(entries))
	}
	fields := entries[0].ContextMap()
	if fields["error_code"] != "TIMEOUT" || fields["event_id"] != targetstest.Delivery().EventID || string(fields["body"].(json.RawMessage)) != targetstest.Envelope {
		t.Errorf("fields %v, want the delivery's", fields)
	}
}

func TestLogBatch(t *testing.T) {
	disk := &fullDisk{} // which takes one line and a half
	target := targetstest.TakesBatches(t, Kind(), targets.Config{}, targets.Env{Stdout: disk})
	batch := targetstest.BatchOf(3)
	each, whole := target.DeliverBatch(t.Context(), batch)
	if got, want := targetstest.Codes(t, each), "- THROTTLING THROTTLING"; got != want || whole != nil {
		t.Errorf("%s (%v), want %s", got, whole, want)
	}
	if each, whole := target.DeliverBatch(t.Context(), batch[1:]); each != nil || whole != nil {
		t.Errorf("%v, %v", each, whole)
	}
	if lines := strings.Split(strings.TrimSpace(disk.String()), "\n"); len(lines) != 4 || !json.Valid([]byte(lines[3])) {
		t.Errorf("lines\n%s", disk.String())
	}
}
