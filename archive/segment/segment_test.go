package segment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/archive/place"
	"signalbox/event"
	"signalbox/journal"
)

var began = time.Date(2026, 1, 31, 23, 10, 0, 0, time.UTC)

// record returns an event that came in a number of seconds after the beginning.
func record(t testing.TB, seconds int, detail string) journal.Record {
	t.Helper()
	at := began.Add(time.Duration(seconds) * time.Second)
	e := event.Event{ID: fmt.Sprint("id-", seconds), Source: "shop.orders", DetailType: "OrderCreated", Time: at, Detail: []byte(detail)}
	e.Meta.Bus, e.Meta.Received, e.Meta.CorrelationID = "sales", at, "story"
	meta, err := e.Meta.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return journal.Record{Seq: journal.SeqAt(at), Meta: meta, Envelope: e.Envelope()}
}

// written returns an archive in a folder, with one segment of these events.
func written(t testing.TB, records ...journal.Record) (*Files, Segment) {
	t.Helper()
	f := &Files{Name: "orders", Place: place.Folder{Root: filepath.Join(t.TempDir(), "orders")}}
	ctx := context.Background()
	if err := f.SetOwner(ctx, "me"); err != nil {
		t.Fatal(err)
	}
	w, err := f.NewWriter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := w.Add(&records[i], "sales"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := f.Append(ctx, w, records[0].Seq, records[len(records)-1].Seq+1, false)
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

// TestLine is the documented form, in which line feeds between the tokens of an event are
// spaces.
func TestLine(t *testing.T) {
	r := record(t, 0, "{\"total\":\r\n100, \"note\": \"a\\nb\"}")
	line := AppendLine(nil, &r, "sales")
	want := `{"seq":"1769901000000000000","received":"2026-01-31T23:10:00.000Z","bus":"sales","meta":"` + base64.StdEncoding.EncodeToString(r.Meta) +
		`","event":{"version":"0","id":"id-0","detail-type":"OrderCreated","source":"shop.orders","account":"","time":"2026-01-31T23:10:00Z","region":"","resources":[],"detail":{"total":  100, "note": "a\nb"}}}` + "\n"
	if got := string(line); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	back, err := readLine(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil || back.Seq != r.Seq || !bytes.Equal(back.Meta, r.Meta) {
		t.Fatalf("%+v %v", back, err)
	}
	before, err1 := r.Parsed()
	after, err2 := back.Parsed()
	if err := cmp.Or(err1, err2); err != nil {
		t.Fatal(err)
	}
	if after.Meta.CorrelationID != "story" || after.ID != before.ID || len(after.Detail) != len(before.Detail) {
		t.Errorf("%+v", after)
	}
}

// FuzzReadLine takes apart what is no line without a panic, and what is one as it was written.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte(`{"seq":"1","received":"","bus":"","meta":"","event":{}}`))
	f.Add([]byte(`{"seq":"1","received":"","bus":"x","meta":"AA==","event":}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := readLine(line)
		if err != nil {
			return
		}
		again, err := readLine(bytes.TrimSuffix(AppendLine(nil, &r, "b"), []byte("\n")))
		if err != nil || again.Seq != r.Seq || !bytes.Equal(again.Meta, r.Meta) || len(again.Envelope) != len(r.Envelope) {
			t.Errorf("%q became %+v, %v", line, again, err)
		}
	})
}

// TestOtherToolsReadSegments as docs/time.md says.
func TestOtherToolsReadSegments(t *testing.T) {
	for _, tool := range []string{"zstd", "jq", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here: apt-get install zstd jq", tool)
		}
	}
	f, s := written(t, record(t, 0, `{"total":100}`), record(t, 1, `{"total":200}`))
	dir := filepath.Join(f.String(), filepath.Dir(s.Path()))
	for command, want := range map[string]string{
		`zstd -dcq *.jsonl.zst | jq -r '[.seq, .bus, .event.id, .event.detail.total] | @csv'`: `"1769901000000000000","sales","id-0",100` + "\n" + `"1769901001000000000","sales","id-1",200`,
		`jq -r '.segments[] | .sha256 + "  " + .file' segments.json | sha256sum -c`:           s.File + ": OK",
		`jq -r '.segments[0] | "\(.count) \(.first_time)"' segments.json`:                     "2 2026-01-31T23:10:00Z",
	} {
		c := exec.Command("sh", "-c", command)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", command, got, err, want)
		}
	}
}

// TestARangeOfASegment is read up to its end and no further.
func TestARangeOfASegment(t *testing.T) {
	all := []journal.Record{record(t, 0, `{}`), record(t, 1, `{}`), record(t, 2, `{}`)}
	f, s := written(t, all...)
	n := 0
	if err := f.Read(t.Context(), &s, all[1].Seq, all[2].Seq, func(r journal.Record) bool {
		n++
		return r.Seq == all[1].Seq
	}); err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
}

// TestVerify holds a segment against its manifest.
func TestVerify(t *testing.T) {
	f, s := written(t, record(t, 0, `{}`), record(t, 1, `{}`))
	if err := f.Verify(t.Context(), &s); err != nil {
		t.Error(err)
	}
	s.Count++
	if err := f.Verify(t.Context(), &s); err == nil || !strings.Contains(err.Error(), "has 2 events") {
		t.Errorf("error %v", err)
	}
}

// TestADamagedManifest is told by its name.
func TestADamagedManifest(t *testing.T) {
	f, s := written(t, record(t, 0, `{}`))
	path := filepath.Join(f.String(), s.Day, manifestName)
	for _, text := range []string{"", "{", `{"format": 1, "archive": "bills", "segments": []}`, `{"format": 7, "archive": "orders"}`,
		`{"format": 1, "archive": "orders", "segments": [{"file": "../../x"}]}`, `{"format": 1, "archive": "orders", "segments": [{"from": -1}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.Last(t.Context())
		if damage, ok := errors.AsType[*DamagedError](err); !ok || damage.File != "2026/01/31/segments.json" {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// TestADraftThatIsNotCommitted leaves nothing, and the rest of one that a process left goes with
// the next look.
func TestADraftThatIsNotCommitted(t *testing.T) {
	f, _ := written(t, record(t, 0, `{}`))
	w, err := f.NewWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names, _ := f.List(t.Context(), place.Partial); len(names) != 1 {
		t.Errorf("there is %v", names)
	}
	left := filepath.Join(f.String(), place.Partial+"left")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Discard()
	if err := f.DropBefore(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	names, err := f.List(t.Context(), "")
	if err != nil || len(names) != 3 {
		t.Errorf("there is %v, %v", names, err)
	}
}

// TestManifestsAreReadable by those who have only the file.
func TestManifestsAreReadable(t *testing.T) {
	f, s := written(t, record(t, 0, `{}`), record(t, 5, `{}`))
	text, err := os.ReadFile(filepath.Join(f.String(), s.Day, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Segments []map[string]any }
	if err := json.Unmarshal(text, &m); err != nil || len(m.Segments) != 1 {
		t.Fatal(err, string(text))
	}
	want := map[string]any{"from": "1769901000000000000", "before": "1769901005000000001", "first": "1769901000000000000", "last": "1769901005000000000", "count": 2.0, "file": "23-1769901000000000000.jsonl.zst"}
	for key, value := range want {
		if m.Segments[0][key] != value {
			t.Errorf("%s is %v, want %v", key, m.Segments[0][key], value)
		}
	}
}

// orders returns events of 0.4 KB, no two of which are alike.
func orders(b *testing.B, n int) []journal.Record {
	words, random := []string{"bolt", "nut", "washer", "screw", "hinge", "bracket", "anchor", "rivet"}, rand.New(rand.NewPCG(1, 2))
	records := make([]journal.Record, n)
	for i := range records {
		var lines []string
		for range 1 + random.IntN(8) {
			lines = append(lines, fmt.Sprintf(`{"sku":"S-%05d","name":"%s","count":%d,"price":%.2f}`, random.IntN(20_000), words[random.IntN(len(words))], 1+random.IntN(9), random.Float64()*100))
		}
		records[i] = record(b, i, fmt.Sprintf(`{"orderId":"%016x","total":%.2f,"customer":{"id":"%08x","name":"Customer %d"},"lines":[%s]}`,
			random.Uint64(), random.Float64()*1000, random.Uint32(), random.IntN(5000), strings.Join(lines, ",")))
	}
	return records
}

// processorTime is what the process has used.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkWrite makes segments: compressed, with their checksum, on disk. BenchmarkRead compares
// the checksum, and takes the lines apart.
func BenchmarkWrite(b *testing.B) {
	records := orders(b, 20_000)
	b.ReportAllocs()
	began, events := processorTime(b), 0
	var s Segment
	for b.Loop() {
		_, s = written(b, records...)
		events += s.Count
	}
	b.ReportMetric((processorTime(b)-began).Seconds()*100_000/float64(events), "cpu-s/100k-events")
	b.ReportMetric(float64(s.ContentBytes)/float64(s.Count), "line-B/event")
	b.ReportMetric(float64(s.Bytes)/float64(s.Count), "B/event")
}

func BenchmarkRead(b *testing.B) {
	f, s := written(b, orders(b, 20_000)...)
	b.ReportAllocs()
	began, events := processorTime(b), 0
	for b.Loop() {
		if err := f.Verify(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
		events += s.Count
	}
	b.ReportMetric((processorTime(b)-began).Seconds()*100_000/float64(events), "cpu-s/100k-events")
}
