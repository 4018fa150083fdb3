package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"signalbox/archive"
	"signalbox/archive/place"
	"signalbox/archive/segment"
	"signalbox/journal"
	"signalbox/targets/amazon"
)

// archiving is a router that archives all events each second, and producers that never pause.
type archiving struct {
	*process
	files *segment.Files
	stop  atomic.Bool
	wait  sync.WaitGroup

	mu    sync.Mutex
	acked map[string]bool
	// reachable reports whether the archive can be read now.
	reachable func() bool
}

// newArchiving returns one that archives to a folder, or to where this says.
func newArchiving(t *testing.T, where string) *archiving {
	t.Helper()
	a := &archiving{process: newProcess(t, `
archives: {all: {every: 1s, `+where+`}}
targets: {out: {type: log, path: out.jsonl}}
rules: [{name: all, pattern: {source: [shop.orders]}, targets: [out]}]
`), acked: map[string]bool{}, reachable: func() bool { return true }}
	a.files = &segment.Files{Name: "all", Place: place.Folder{Root: filepath.Join(a.dir, "archive", "all")}}
	return a
}

// produce begins to send.
func (a *archiving) produce() {
	client := &http.Client{Timeout: 10 * time.Second}
	for k := range 2 {
		a.wait.Go(func() {
			for n := 0; !a.stop.Load(); n++ {
				time.Sleep(time.Millisecond)
				ids, err := a.putKeyed(client, fmt.Sprint(k), n*2, n*2+1)
				a.mu.Lock()
				for i := range ids {
					if err == nil {
						a.acked[ids[i]] = true
					}
				}
				a.mu.Unlock()
			}
		})
	}
	a.t.Cleanup(func() {
		a.end()
		client.CloseIdleConnections()
	})
}

func (a *archiving) end() {
	a.stop.Store(true)
	a.wait.Wait()
}

// archived returns how often each event is in the archive, whose segments must all be whole.
func (a *archiving) archived() map[string]int {
	a.t.Helper()
	return archivedIn(a.t, a.files)
}

// archivedIn returns how often each event is in an archive, whose segments must all be whole.
func archivedIn(t testing.TB, files *segment.Files) map[string]int {
	t.Helper()
	found := map[string]int{}
	var last journal.Seq
	for s, err := range files.Segments(t.Context(), 0, 1<<63) {
		if err == nil {
			err = files.Verify(t.Context(), &s)
		}
		if err == nil {
			err = files.Read(t.Context(), &s, 0, 1<<63, func(r journal.Record) bool {
				if r.Seq <= last {
					t.Errorf("event %d comes after %d", r.Seq, last)
				}
				last = r.Seq
				var e struct{ ID string }
				if err := json.Unmarshal(r.Envelope, &e); err != nil {
					t.Error(err)
				}
				found[e.ID]++
				return true
			})
		}
		if err != nil {
			t.Error(err)
		}
	}
	return found
}

// judge ends the load, and waits until every acknowledged event is in the archive, once.
func (a *archiving) judge() {
	a.t.Helper()
	a.end()
	if len(a.acked) < 100 {
		a.t.Errorf("only %d events were acknowledged: the trial shows little", len(a.acked))
	}
	var found map[string]int
	a.eventually(60*time.Second, "all archived", func() bool {
		if !a.reachable() {
			return false
		}
		found = a.archived()
		for id := range a.acked {
			if found[id] == 0 {
				return false
			}
		}
		return true
	})
	for id, n := range found {
		if n != 1 {
			a.t.Errorf("event %s is there %d times", id, n)
		}
	}
	a.t.Logf("%d events acknowledged, %d archived", len(a.acked), len(found))
	a.verify()
}

// TestArchiveKilled kills the program while it archives. Nothing is missing, nothing is there
// twice, and no half segment counts.
func TestArchiveKilled(t *testing.T) {
	killWhileArchiving(t, newArchiving(t, "folder: archive"))
}

// TestArchiveInABucket does the same with a bucket, whose server is down for a while.
func TestArchiveInABucket(t *testing.T) {
	backend := s3mem.New()
	must(t, backend.CreateBucket("kept"))
	var down atomic.Bool
	service := gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a := newArchiving(t, fmt.Sprintf(`s3: {bucket: kept, region: us-east-1, path_style: true, endpoint: "%s", access_key_id: AKIDEXAMPLE, secret_access_key: "${file:key}"}`, server.URL))
	a.write("key", "wJalrXUtnFEMI")
	at, err := place.Of(&archive.Archive{Config: archive.Config{Name: "all", S3: &archive.S3{Bucket: "kept", Region: "us-east-1", PathStyle: true,
		Access: amazon.Access{Endpoint: server.URL, AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI"}}}}, place.Env{})
	must(t, err)
	t.Cleanup(at.Close)
	a.files = &segment.Files{Name: "all", Place: at}
	time.AfterFunc(2*time.Second, func() { down.Store(true) })
	time.AfterFunc(5*time.Second, func() { down.Store(false) })
	a.reachable = func() bool { return !down.Load() }
	killWhileArchiving(t, a)
}

// killWhileArchiving kills the program several times, and judges what is archived then.
func killWhileArchiving(t *testing.T, a *archiving) {
	t.Helper()
	a.start()
	a.produce()
	for range rounds(t, 6) {
		time.Sleep(time.Duration(700+rand.N(1200)) * time.Millisecond)
		a.kill()
		if a.reachable() {
			a.archived()
		}
		a.start()
	}
	a.judge()
}

// TestArchiveOnAFullDisk fills the disk that the archive lies on. Events are taken in all the
// time, the store keeps what is owed, and the archive catches up.
func TestArchiveOnAFullDisk(t *testing.T) {
	a := newArchiving(t, "folder: archive")
	folder := filepath.Join(a.dir, "archive")
	must(t, os.Mkdir(folder, 0o700))
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=700,size=4m"); err != nil {
		t.Skipf("a small disk can't be had here: mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		a.kill()
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	a.start()
	a.produce()
	a.eventually(20*time.Second, "archived", func() bool { return len(a.archived()) > 0 })
	ballast := filepath.Join(folder, "ballast")
	fill(t, ballast)
	failing := func() bool { return a.metrics()[`signalbox_archive_failing{archive="all"}`] == 1 }
	a.eventually(20*time.Second, "failing", failing)
	resp, err := http.Get(a.url + "/readyz")
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, errors.Join(err, resp.Body.Close()))
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `archive "all" can't be written`) {
		t.Errorf("/readyz answers %d %s", resp.StatusCode, body)
	}
	a.mu.Lock()
	before := len(a.acked)
	a.mu.Unlock()
	a.eventually(20*time.Second, "taking events in", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.acked) > before+100
	})
	must(t, os.Remove(ballast))
	a.eventually(60*time.Second, "not failing", func() bool { return !failing() })
	if log := a.read("log"); !strings.Contains(log, "no space left on device") {
		t.Errorf("the log does not tell of the full disk:\n%s", log)
	}
	a.judge()
}
