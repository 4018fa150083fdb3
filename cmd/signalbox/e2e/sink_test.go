package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// receipt is one request that the sink got.
type receipt struct {
	at       time.Time
	path     string
	delivery string
	event    string
	// node is that of a cluster which sent it.
	node string
	body []byte
	// taken means that the sink answered with success, as far as it knows.
	taken bool
}

// mood is how a sink answers. It says whether it takes what the request brought.
type mood func(w http.ResponseWriter, r *http.Request) (taken bool)

// kind is the mood of a sink that takes everything.
func kind(http.ResponseWriter, *http.Request) bool { return true }

// flapping refuses every third request, at random.
func flapping(w http.ResponseWriter, r *http.Request) bool {
	if rand.IntN(3) > 0 {
		return kind(w, r)
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	return false
}

// sink is a real HTTP target that remembers what it got.
type sink struct {
	url  string
	mood atomic.Pointer[mood]
	mu   sync.Mutex
	got  []receipt
}

func newSink(t testing.TB) *sink {
	t.Helper()
	return newSinkAt(t, "127.0.0.1")
}

// newSinkAt returns one at an address of the machine.
func newSinkAt(t testing.TB, ip string) *sink {
	t.Helper()
	s := &sink{}
	s.be(kind)
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: s}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	s.url = "http://" + l.Addr().String()
	return s
}

// be changes the sink's mood for the requests that come from now on.
func (s *sink) be(m mood) { s.mood.Store(&m) }

// ServeHTTP takes a request down and answers as the sink's mood is. What it
// takes counts from when it came.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle of it
	}
	n := s.note(r, body)
	if !(*s.mood.Load())(w, r) {
		return
	}
	s.mu.Lock()
	s.got[n].taken = true
	s.mu.Unlock()
}

// note takes a request down, and returns its number.
func (s *sink) note(r *http.Request, body []byte) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, receipt{
		at: time.Now(), path: r.URL.Path, body: body,
		delivery: r.Header.Get("X-Signalbox-Delivery-Id"), event: r.Header.Get("X-Signalbox-Event-Id"),
		node: r.Header.Get("X-Node"),
	})
	return len(s.got) - 1
}

func (s *sink) receipts() []receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]receipt(nil), s.got...)
}
