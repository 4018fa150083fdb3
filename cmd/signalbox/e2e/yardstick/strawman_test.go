//go:build linux

package yardstick

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/event"
	"signalbox/targets/targetstest"
)

// roleVariable makes a process of this test a yardstick: its value is the role, the address
// to listen at, and for a strawman the sink's address and the file of its log.
const roleVariable = "SIGNALBOX_YARDSTICK"

// The roles. All strawmen decode with the project's own package, append to a log whose
// fdatasync is shared by those who wait, and answer then. They have no rules, keep no state
// of deliveries and try each once: what the machine allows, not what a router could be.
const (
	discards = "discard" // reads each request with net/http and forgets it
	logs     = "log"     // a strawman that delivers nothing
	netHTTP  = "nethttp" // one that delivers each event with net/http's client
	rawHTTP  = "raw"     // one that writes and reads HTTP by itself, a goroutine a connection
)

// deliverers is how many deliveries a strawman makes at once.
const deliverers = 64

// strawman starts a yardstick.
func strawman(role string) func(t testing.TB, sink string) server {
	return func(t testing.TB, sink string) server {
		address := targetstest.FreeAddress(t)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"="+strings.Join([]string{role, address, sink, filepath.Join(t.TempDir(), "log")}, " "))
		return start(t, cmd, address, "/")
	}
}

// play serves in a role until the process is killed.
func play(text string) error {
	var role, address, sink, path string
	if _, err := fmt.Sscan(text, &role, &address, &sink, &path); err != nil {
		return err
	}
	var handler http.Handler = http.HandlerFunc(discard)
	if role != discards {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		debug.SetGCPercent(300)
		handler = newStraw(role, sink, f)
	}
	return http.ListenAndServe(address, handler)
}

func discard(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, `{"FailedEntryCount":0}`)
}

// straw is the handler of a strawman.
type straw struct {
	log     *groupLog
	queue   chan letter // nil where nothing is delivered
	seq     atomic.Uint64
	buffers sync.Pool
}

// letter is an event to be delivered.
type letter struct {
	seq  uint64
	id   string
	body []byte
}

func newStraw(role, sink string, f *os.File) *straw {
	s := &straw{log: &groupLog{file: f, wake: make(chan struct{}, 1)}}
	s.buffers.New = func() any { return new(bytes.Buffer) }
	go s.log.run()
	if role == logs {
		return s
	}
	s.queue = make(chan letter, 1<<16)
	for range deliverers {
		go s.deliver(role, sink)
	}
	return s
}

func (s *straw) deliver(role, sink string) {
	send := sendNetHTTP(sink)
	if role == rawHTTP {
		send = sendRaw(sink)
	}
	for l := range s.queue {
		if err := send(l); err != nil {
			panic(err)
		}
		s.log.ended(l.seq)
	}
}

// ServeHTTP takes the events of PutEvents.
func (s *straw) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		return // somebody asks whether it is ready
	}
	buffer := s.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	_, err := buffer.ReadFrom(r.Body)
	var batch event.Batch
	if err == nil {
		batch, err = event.DecodePutEvents(buffer.Bytes(), event.Limits{MaxEntries: 1000})
	}
	s.buffers.Put(buffer)
	if err != nil || batch.Refused != nil {
		http.Error(w, fmt.Sprint(err, batch.Refused), http.StatusBadRequest)
		return
	}
	first := s.seq.Add(uint64(len(batch.Events))) - uint64(len(batch.Events))
	rows := make([][]byte, len(batch.Events))
	out := []byte(`{"FailedEntryCount":0,"Entries":[`)
	for i, e := range batch.Events {
		e.ID, e.Time = fmt.Sprintf("01980000-0000-7000-8000-%012d", first+uint64(i)), time.Now()
		rows[i] = e.AppendEnvelope(make([]byte, 0, len(e.Detail)+256))
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"EventId":"`...), e.ID...), `"}`...)
	}
	out = append(out, "]}"...)
	s.log.append(rows)
	for i := range rows {
		if s.queue == nil {
			s.log.ended(first + uint64(i))
			continue
		}
		s.queue <- letter{first + uint64(i), batch.Events[i].ID, rows[i]}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
}

// groupLog is a file whose one writer takes all that wait, and syncs once for them.
type groupLog struct {
	file *os.File
	wake chan struct{}

	mu   sync.Mutex
	reqs []logRequest
	ends []byte
}

type logRequest struct {
	rows [][]byte
	done chan struct{}
}

// append returns when rows are on disk.
func (g *groupLog) append(rows [][]byte) {
	r := logRequest{rows, make(chan struct{}, 1)}
	g.mu.Lock()
	g.reqs = append(g.reqs, r)
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
	<-r.done
}

// ended notes that an event's delivery has ended, without waiting.
func (g *groupLog) ended(seq uint64) {
	g.mu.Lock()
	g.ends = binary.BigEndian.AppendUint64(g.ends, seq)
	g.mu.Unlock()
}

func (g *groupLog) run() {
	var out []byte
	for range g.wake {
		g.mu.Lock()
		reqs, ends := g.reqs, g.ends
		g.reqs, g.ends = nil, nil
		g.mu.Unlock()
		out = append(out[:0], ends...)
		for _, r := range reqs {
			for _, row := range r.rows {
				out = append(binary.BigEndian.AppendUint32(out, uint32(len(row))), row...)
			}
		}
		if _, err := g.file.Write(out); err != nil {
			panic(err)
		}
		if err := unix.Fdatasync(int(g.file.Fd())); err != nil {
			panic(err)
		}
		for _, r := range reqs {
			r.done <- struct{}{}
		}
	}
}

// transport is shared by all deliveries with net/http's client.
var transport = &http.Transport{MaxIdleConnsPerHost: 2 * deliverers}

// sendNetHTTP returns what delivers with net/http's client.
func sendNetHTTP(sink string) func(letter) error {
	client := &http.Client{Transport: transport}
	return func(l letter) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+sink+"/", bytes.NewReader(l.body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("Idempotency-Key", l.id)
		r.Header.Set("X-Event-Id", l.id)
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

// sendRaw returns what delivers over one connection, with as little as it takes.
func sendRaw(sink string) func(letter) error {
	c, err := net.Dial("tcp", sink)
	if err != nil {
		return func(letter) error { return err }
	}
	reader, out := newReader(c), []byte(nil)
	return func(l letter) error {
		out = append(out[:0], "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json; charset=utf-8\r\nIdempotency-Key: "...)
		out = append(append(append(out, l.id...), "\r\nX-Event-Id: "...), l.id...)
		out = append(strconv.AppendInt(append(out, "\r\nContent-Length: "...), int64(len(l.body)), 10), "\r\n\r\n"...)
		out = append(out, l.body...)
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return err
		}
		if _, err := c.Write(out); err != nil {
			return err
		}
		_, err := reader.message()
		return err
	}
}
