//go:build linux

package yardstick

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// reader reads HTTP/1.1 messages with a Content-Length, as cheaply as can be.
type reader struct {
	*bufio.Reader
	body []byte
}

func newReader(c net.Conn) *reader { return &reader{Reader: bufio.NewReaderSize(c, 32<<10)} }

// message returns the body of the next request, or of the next answer, which must be of
// success. The body is good until the next call.
func (r *reader) message() ([]byte, error) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if first && bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && line[9] != '2' {
			rest, _ := io.ReadAll(io.LimitReader(r, 600))
			return nil, fmt.Errorf("answered %s%s", line, rest)
		}
		if len(line) <= 2 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return nil, err
			}
		}
	}
	r.body = slices.Grow(r.body[:0], length)[:length]
	_, err := io.ReadFull(r, r.body)
	return r.body, err
}

// sink is a target that answers at once, and takes the time that each event took.
type sink struct {
	address string
	count   atomic.Int64
	last    atomic.Int64 // when the newest came, in ns since 1970

	mu   sync.Mutex
	took []time.Duration
}

func newSink(t testing.TB) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &sink{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// mark stands before the time of sending in each event, in the digits of markDigits.
const (
	mark       = `"sent":"`
	markDigits = 19
)

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	for r := newReader(c); ; {
		body, err := r.message()
		if err != nil {
			return
		}
		s.take(body)
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

func (s *sink) take(body []byte) {
	now, n := time.Now().UnixNano(), 0
	s.mu.Lock()
	for {
		i := bytes.Index(body, []byte(mark))
		if i < 0 || len(body) < i+len(mark)+markDigits {
			break
		}
		body = body[i+len(mark):]
		if sent, err := strconv.ParseInt(string(body[:markDigits]), 10, 64); err == nil {
			s.took = append(s.took, time.Duration(now-sent))
			n++
		}
	}
	s.mu.Unlock()
	s.last.Store(now)
	s.count.Add(int64(n))
}

// reset forgets what came so far.
func (s *sink) reset() {
	s.mu.Lock()
	s.took = s.took[:0]
	s.mu.Unlock()
	s.count.Store(0)
}

// load says what is sent to a server.
type load struct {
	// array means the array form of /v1/events, in place of PutEvents.
	array                    bool
	batch, size, connections int
	rate                     int // events a second; 0 as many as are acknowledged
	events                   int // after how many it ends before its time; 0 does not
	// sources is how many sources events have, 10 if it is 0; they are first, first+step and so on.
	sources, first, step int
}

// sent is what came of a load.
type sent struct {
	events int
	took   time.Duration
	acked  []time.Duration // how long each request took
}

// send sends for a while over all connections. It ends with the first error.
func (l load) send(address string, during time.Duration) (all sent, err error) {
	var mu sync.Mutex
	var next atomic.Int64
	var running sync.WaitGroup
	begin := time.Now()
	for k := range l.connections {
		running.Go(func() {
			acked, e := l.connection(address, k, begin, during, &next)
			mu.Lock()
			defer mu.Unlock()
			all.acked = append(all.acked, acked...)
			if err == nil {
				err = e
			}
		})
	}
	running.Wait()
	all.took, all.events = time.Since(begin), len(all.acked)*l.batch
	return all, err
}

func (l load) connection(address string, k int, begin time.Time, during time.Duration, next *atomic.Int64) (acked []time.Duration, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	request, r := l.request(address, k), newReader(c)
	for {
		due := time.Now()
		if l.rate > 0 { // what waits for a connection waits too
			due = begin.Add(time.Duration(next.Add(int64(l.batch))) * time.Second / time.Duration(l.rate))
			time.Sleep(time.Until(due))
		}
		if due.Sub(begin) >= during && len(acked) > 0 || l.events > 0 && next.Add(int64(l.batch)) > int64(l.events) {
			return acked, nil
		}
		stamp(request, due)
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return acked, err
		}
		if _, err := c.Write(request); err != nil {
			return acked, err
		}
		body, err := r.message()
		if err != nil {
			return acked, err
		}
		if bytes.Contains(body, []byte(`"ErrorCode"`)) {
			return acked, fmt.Errorf("refused: %.300s", body)
		}
		acked = append(acked, time.Since(due))
	}
}

// request returns a request whose marks are to be stamped.
func (l load) request(address string, k int) []byte {
	type put struct{ Source, DetailType, Detail string }
	type envelope struct {
		Source     string          `json:"source"`
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	var puts []put
	var envelopes []envelope
	for i := range l.batch {
		source, detail := fmt.Sprintf("app.s%d", l.source(k, i)), l.detail(i)
		puts = append(puts, put{source, "OrderCreated", detail})
		envelopes = append(envelopes, envelope{source, "OrderCreated", json.RawMessage(detail)})
	}
	var content any = map[string]any{"Entries": puts}
	head := "POST / HTTP/1.1\r\nX-Amz-Target: AWSEvents.PutEvents\r\nContent-Type: application/x-amz-json-1.1\r\n"
	if l.array {
		content, head = envelopes, "POST /v1/events HTTP/1.1\r\nContent-Type: application/json\r\n"
	}
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // strings can always be marshalled
	}
	return append(fmt.Appendf(nil, "%sHost: %s\r\nContent-Length: %d\r\n\r\n", head, address, len(body)), body...)
}

// detail returns a detail that makes an event of the load's size.
func (l load) detail(i int) string {
	text := fmt.Sprintf(`{%s%s","orderId":"o-%d","customer":{"id":"c-1","tier":"gold"},"amount":129.5,"items":[{"sku":"A-1","qty":2,"price":49.9}],"paid":true,"note":"`,
		mark, strings.Repeat("0", markDigits), i)
	return text + strings.Repeat("x", l.size-40-len(text)) + `"}`
}

// stamp writes the time of sending into each event of a request.
func stamp(request []byte, at time.Time) {
	text := strconv.AppendInt(nil, at.UnixNano(), 10)
	for _, m := range []string{mark, strings.ReplaceAll(mark, `"`, `\"`)} {
		for rest := request; ; {
			i := bytes.Index(rest, []byte(m))
			if i < 0 {
				break
			}
			rest = rest[i+len(m):]
			copy(rest, text)
		}
	}
}

// quantile returns a quantile in milliseconds.
func quantile(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[int(q*float64(len(took)-1))]) / 1e6
}
