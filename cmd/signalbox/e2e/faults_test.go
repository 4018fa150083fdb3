package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// late answers that all is well after the attempt has been given up, and has not taken the
// event.
func late(x *trial) {
	x.p.write("rules.yaml", strings.ReplaceAll(x.p.read("rules.yaml"), "retry:", "timeout: 1s, retry:"))
	x.p.reload()
	misbehave(x, 1500, func(w http.ResponseWriter, r *http.Request) bool {
		time.Sleep(2 * time.Second)
		_, _ = io.WriteString(w, "late")
		return false
	})
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// twice takes an event and answers more than once, on a connection that it keeps open. It
// takes nothing of what comes on that afterwards: if an answer too many were booked on the
// next delivery, that would be lost. What comes later may cross the next request, as its
// answer would, and is no success.
func twice(x *trial) {
	misbehave(x, 600, func(w http.ResponseWriter, _ *http.Request) bool {
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			x.t.Error(err)
			return false
		}
		atOnce := [...]string{fine, fine + fine + fine, "HTTP/1.1 100 Continue\r\n\r\n" + fine, ""}[rand.IntN(4)]
		later := [...]string{"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "\r\n", "HTTP/1.1 2"}[rand.IntN(4)]
		wait := time.Duration(1+rand.IntN(4)) * time.Millisecond
		go x.s.refuseRest(c, buffered.Reader, func() {
			_, _ = io.WriteString(c, fine+atOnce)
			time.Sleep(wait)
			_, _ = io.WriteString(c, later)
		})
		return true
	})
}

// refuseRest answers, and then takes down and refuses what comes on a connection.
func (s *sink) refuseRest(c io.ReadWriteCloser, in *bufio.Reader, answer func()) {
	defer c.Close()
	answer()
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.note(r, body)
		if _, err := io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// vanishes takes a target that refuses all out of the rules while it has a backlog, and
// brings it back; every second time the program is killed in between. Nothing is sent
// meanwhile, as it would not be for the target.
func vanishes(x *trial) {
	with := x.p.read("rules.yaml")
	without := withoutLine(with, "  batched:")
	without = strings.ReplaceAll(without, ", batched]", "]")
	for i := range rounds(x.t, 4) {
		x.s.be(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/batched" {
				return kind(w, r)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		})
		pause(200, 200)
		x.quiet.Lock()
		x.edit(without)
		if i%2 == 1 {
			x.breakOff()
		}
		pause(200, 300)
		x.edit(with)
		x.quiet.Unlock()
		x.s.be(kind)
		pause(100, 100)
	}
}

func withoutLine(text, prefix string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// edit writes rules that are good, and waits until they serve.
func (x *trial) edit(rules string) {
	x.t.Helper()
	x.p.write("rules.yaml", rules)
	if status := x.p.reload(); status != http.StatusOK {
		x.t.Errorf("a reload of good rules: %d", status)
	}
}

// misedited writes rule files that can't serve, in many ways, and good ones in between. What
// served before serves on.
func misedited(x *trial) {
	good := x.p.read("rules.yaml")
	for range rounds(x.t, 3) {
		for name, bad := range map[string]string{
			"cut off":         good[:len(good)-2],
			"no YAML":         "\x00\xff" + good,
			"a fault":         good + "  - {name: broken, pattern: {source: shop}}\n",
			"no such target":  strings.ReplaceAll(good, ", batched]", ", batchde]"),
			"twice":           good + good,
			"of another kind": "- 1\n",
			"deep":            "rules: " + strings.Repeat("[", 100_000),
			"aliases":         "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n" + good,
			"no secret":       strings.Replace(good, "http:", "${NO_SUCH_VARIABLE}http:", 1),
		} {
			x.p.write("rules.yaml", bad)
			pause(0, 60)
			if status := x.p.reload(); status == http.StatusOK {
				x.t.Errorf("%s: the rules took effect", name)
			}
		}
		x.edit(good)
		pause(50, 100)
	}
	x.breakOff()
}

// rotates replaces the key that all producers use, again and again, in the way that the
// documentation gives; every second time the program is killed in between. None is refused.
func rotates(x *trial) {
	config := x.p.read("config.yaml")
	write := func(numbers ...int) {
		text := config + "auth:\n  keys:\n"
		for _, n := range numbers {
			x.p.write(fmt.Sprint("key-", n), secretKey(n)+"\n")
			text += fmt.Sprintf("    - {name: load, key: \"${file:key-%d}\", rights: [admin]}\n", n)
		}
		x.p.write("config.yaml", text)
		if status := x.p.reload(); status != http.StatusOK {
			x.t.Errorf("a reload of good keys: %d", status)
		}
	}
	use := func(n int) {
		key := secretKey(n)
		x.quiet.Lock() // nothing is on its way with the old one
		x.p.key.Store(&key)
		x.quiet.Unlock()
	}
	use(0)
	write(0)
	for n := range rounds(x.t, 4) {
		pause(50, 100)
		write(n, n+1)
		if n%2 == 1 {
			x.breakOff()
		}
		use(n + 1)
		write(n + 1)
	}
	old := secretKey(0)
	x.quiet.Lock()
	defer x.quiet.Unlock()
	key := x.p.key.Swap(&old)
	if status := x.p.reload(); status != http.StatusUnauthorized {
		x.t.Errorf("a key that was taken away is answered %d", status)
	}
	x.p.key.Store(key)
}

func secretKey(n int) string { return fmt.Sprintf("the-key-of-number-%06d", n) }
