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
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkWholeWay sends PutEvents of ten events of 600 bytes over 64
// connections, through ten rules, to targets that answer at once, until all is
// delivered. One operation is one request; router-cpu-s/100k is what the router's
// process used for 100,000 events. The discard server, which reads the same
// requests with net/http and forgets them, says what the machine can do in the same
// minutes.
func BenchmarkWholeWay(b *testing.B) {
	b.Run("discard", func(b *testing.B) {
		url, pid := discardServer(b)
		putForAll(b, url, pid, 0, func() int64 { return 0 })
	})
	for _, way := range []struct {
		name, target string
		copies       int
	}{
		{"target=http", `{type: http, url: "%s"}`, 1},
		{"target=http,batch=100", `{type: http, url: "%s", batch: {max_events: 100}}`, 1},
		{"target=log", `{type: log, path: out.log}`, 1},
		{"target=http,batch=100,fanout=10", `{type: http, url: "%s", batch: {max_events: 100}}`, 10},
	} {
		b.Run(way.name, func(b *testing.B) {
			url := cheapSink(b)
			p := newProcess(b, tenRules(strings.ReplaceAll(way.target, "%s", url), way.copies))
			p.start()
			putForAll(b, p.url, p.cmd.Process.Pid, way.copies, func() int64 {
				a, err := p.accounts()
				if err != nil {
					b.Fatal(err)
				}
				return int64(a.Deliveries.Delivered)
			})
		})
	}
}

// tenRules are rules of which each event meets one, with a number of targets.
func tenRules(target string, copies int) string {
	text, names := "targets:\n", []string{}
	for i := range copies {
		names = append(names, fmt.Sprintf("sink%d", i))
		text += fmt.Sprintf("  sink%d: %s\n", i, target)
	}
	text += "rules:\n"
	for i := range 10 {
		text += fmt.Sprintf("  - {name: r%d, pattern: {source: [app.s%d], detail: {paid: [true], amount: [{numeric: [\">\", 100]}]}}, targets: [%s]}\n", i, i, strings.Join(names, ", "))
	}
	return text
}

// putForAll sends b.N requests and waits until each of their events has been
// delivered as often as copies says.
func putForAll(b *testing.B, url string, pid, copies int, delivered func() int64) {
	b.Helper()
	body := putEventsBody(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	const batch = 10
	before := cpuSeconds(b, pid)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest(http.MethodPost, url+"/", bytes.NewReader(body))
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
	acknowledged := b.Elapsed()
	for end := time.Now().Add(2 * time.Minute); delivered() < int64(b.N*batch*copies); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("%d delivered in time, want %d", delivered(), b.N*batch*copies)
		}
	}
	b.StopTimer()
	events := float64(b.N * batch)
	b.ReportMetric(events/acknowledged.Seconds(), "acknowledged/s")
	b.ReportMetric(events*float64(max(copies, 1))/b.Elapsed().Seconds(), "delivered/s")
	b.ReportMetric((cpuSeconds(b, pid)-before)/events*1e5, "router-cpu-s/100k")
}

// discardVariable makes a process of this test a server that forgets what it is
// sent, at the address that the variable holds.
const discardVariable = "SIGNALBOX_E2E_DISCARD"

// discardServer starts one.
func discardServer(b *testing.B) (url string, pid int) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), discardVariable+"="+address)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get("http://" + address)
		if err == nil {
			resp.Body.Close()
			return "http://" + address, cmd.Process.Pid
		}
		if time.Now().After(end) {
			b.Fatal(err)
		}
	}
}

// discard serves until it is killed.
func discard(address string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"FailedEntryCount":0}`)
	}))
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

// cheapSink answers every request with 204 as cheaply as can be.
func cheapSink(b *testing.B) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	return "http://" + l.Addr().String()
}

func answer(c net.Conn) {
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
