package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkWholeWay sends PutEvents of ten events of 600 bytes over 64
// connections, through ten rules, to an HTTP target that answers at once. One
// operation is one request; router-cpu-s/100k is what the router's process used.
func BenchmarkWholeWay(b *testing.B) {
	url, delivered := countingSink(b)
	rules := "targets:\n  sink: {type: http, url: \"" + url + "\"}\nrules:\n"
	for i := range 10 {
		rules += fmt.Sprintf("  - {name: r%d, pattern: {source: [app.s%d], detail: {paid: [true], amount: [{numeric: [\">\", 100]}]}}, targets: [sink]}\n", i, i)
	}
	p := newProcess(b, rules)
	p.start()
	body := putEventsBody(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	const batch = 10
	before := cpuSeconds(b, p.cmd.Process.Pid)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, p.url+"/", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
			req.Header.Set("Content-Type", "application/x-amz-json-1.1")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Errorf("%s, %v", resp.Status, err)
			}
		}
	})
	p.eventually(time.Minute, "delivered", func() bool { return delivered.Load() >= int64(b.N*batch) })
	b.StopTimer()
	events := float64(b.N * batch)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((cpuSeconds(b, p.cmd.Process.Pid)-before)/events*1e5, "router-cpu-s/100k")
}

// putEventsBody is a request of ten events of 600 bytes.
func putEventsBody(b *testing.B) []byte {
	b.Helper()
	type entry struct{ Source, DetailType, Detail string }
	var entries []entry
	for i := range 10 {
		detail := fmt.Sprintf(`{"orderId":"o-%d","customer":{"id":"c-1","tier":"gold"},"amount":129.5,"items":[{"sku":"A-1","qty":2,"price":49.9}],"paid":true,"note":"`, i)
		entries = append(entries, entry{fmt.Sprintf("app.s%d", i), "OrderCreated", detail + strings.Repeat("x", 560-len(detail)) + `"}`})
	}
	body, err := json.Marshal(map[string]any{"Entries": entries})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// countingSink answers every request with 204 as cheaply as can be.
func countingSink(b *testing.B) (url string, count *atomic.Int64) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	count = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c, count)
		}
	}()
	return "http://" + l.Addr().String(), count
}

func answer(c net.Conn, count *atomic.Int64) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			if name, value, ok := bytes.Cut(line, []byte(": ")); ok && string(name) == "Content-Length" {
				length, _ = strconv.Atoi(strings.TrimSpace(string(value)))
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		count.Add(1)
		if _, err := c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")); err != nil {
			return
		}
	}
}

// cpuSeconds is what a process has used of the processors' time so far.
func cpuSeconds(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skipf("the CPU time of another process can't be read here: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third field of proc(5) on
	var ticks float64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100 // USER_HZ
}
