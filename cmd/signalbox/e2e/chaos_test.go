package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestChaos makes one thing after another fail under load: the program, the
// disk, the target. After each, nothing acknowledged is missing, the accounts
// balance, and only what was in flight came twice. CHAOS_ROUNDS repeats the
// faults more often.
func TestChaos(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*trial)
	}{
		{"killed", killed},
		{"held", held},
		{"target hangs", hangs},
		{"target resets connections", resets},
		{"target sends half an answer", halves},
		{"target answers late", late},
		{"target answers twice and unasked", twice},
		{"target answers 429", throttles},
		{"target fails now and then", flaps},
		{"name does not resolve", unresolved},
		{"target vanishes and comes back", vanishes},
		{"rule files with faults", misedited},
		{"keys rotate", rotates},
		{"backups and kills", backups},
		{"all at once", everything},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTrial(t)
			x.begin()
			c.fault(x)
			x.s.be(kind)
			x.judge()
		})
	}
}

// pause lets the load continue for a moment.
func pause(least, more int) {
	time.Sleep(time.Duration(least+rand.IntN(more)) * time.Millisecond)
}

// killed ends the program again and again, as a power cut would.
func killed(x *trial) {
	for range rounds(x.t, 10) {
		pause(20, 300)
		x.breakOff()
	}
}

// held stops the program for a while.
func held(x *trial) {
	for range rounds(x.t, 2) {
		pause(100, 200)
		x.interrupted()
		x.p.signal(syscall.SIGSTOP)
		pause(1200, 300)
		x.p.signal(syscall.SIGCONT)
		x.interrupted()
	}
}

// hangs accepts and never answers, for longer than an attempt may take.
func hangs(x *trial) {
	x.p.write("rules.yaml", strings.ReplaceAll(x.p.read("rules.yaml"), "retry:", "timeout: 2s, retry:"))
	misbehave(x, 2500, func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return false
	})
}

// resets breaks connections off where an answer is awaited.
func resets(x *trial) {
	misbehave(x, 400, func(w http.ResponseWriter, _ *http.Request) bool {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			x.t.Error(err)
			return false
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset in place of an orderly end
		}
		c.Close()
		return false
	})
}

// halves breaks off in the middle of the head of an answer, or of its body.
// Where the whole head says success, the target has taken the event.
func halves(x *trial) {
	misbehave(x, 400, func(w http.ResponseWriter, _ *http.Request) bool {
		answer, taken := "HTTP/1.1 200 OK\r\nContent-Le", false
		if rand.IntN(2) == 0 {
			answer, taken = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of", true
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			x.t.Error(err)
			return false
		}
		_, _ = c.Write([]byte(answer))
		c.Close()
		return taken
	})
}

// throttles is a storm of 429.
func throttles(x *trial) {
	misbehave(x, 400, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	})
}

func flaps(x *trial) {
	misbehave(x, 800, flapping)
}

// misbehave puts the sink into a mood from time to time, in milliseconds.
func misbehave(x *trial, lasts int, m mood) {
	for range rounds(x.t, 2) {
		pause(100, 200)
		x.s.be(m)
		pause(lasts, lasts)
		x.s.be(kind)
	}
}

// unresolved edits the rules to a host that does not resolve, and back. Its name
// is one that no name server need be asked for.
func unresolved(x *trial) {
	good := x.p.read("rules.yaml")
	for range rounds(x.t, 2) {
		pause(100, 200)
		x.p.write("rules.yaml", strings.ReplaceAll(good, "127.0.0.1", "nowhere-.invalid"))
		pause(600, 300)
		x.p.write("rules.yaml", good)
		pause(100, 200)
	}
}

// backups copies the store of the loaded program, again and again, and kills it in the
// middle of every second copy. A copy that was reported as made is whole, and holds every
// event that was acknowledged before it began; one that was broken off has no name.
func backups(x *trial) {
	for i := range rounds(x.t, 4) {
		pause(100, 200)
		x.mu.Lock()
		before := len(x.acked)
		x.mu.Unlock()
		dir := filepath.Join(x.p.dir, fmt.Sprint("backup-", i))
		type ended struct {
			out string
			err error
		}
		done := make(chan ended, 1)
		go func() {
			out, err := x.p.command("backup", dir)
			done <- ended{out, err}
		}()
		if i%2 == 1 {
			pause(0, 60)
			x.breakOff()
		}
		made := <-done
		if made.err != nil {
			if i%2 == 0 {
				x.t.Errorf("backup: %v\n%s", made.err, made.out)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				x.t.Errorf("a backup that was broken off is there: %v", err)
			}
			continue
		}
		out, err := x.p.command("verify", dir, "--output", "json")
		var report struct{ Events int }
		if err == nil {
			err = json.Unmarshal([]byte(out), &report)
		}
		if err != nil || report.Events < before {
			x.t.Errorf("%d events were acknowledged before the backup, which holds %d: %v\n%s", before, report.Events, err, out)
		}
	}
}

// everything lets the target fail in every way while the program is killed and
// its rule file is broken.
func everything(x *trial) {
	good := x.p.read("rules.yaml")
	for range rounds(x.t, 6) {
		x.s.be(func(w http.ResponseWriter, r *http.Request) bool {
			switch rand.IntN(20) {
			case 0:
				w.WriteHeader(http.StatusTooManyRequests)
				return false
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
				return false
			case 2:
				panic(http.ErrAbortHandler)
			}
			return kind(w, r)
		})
		pause(50, 300)
		x.p.write("rules.yaml", good+"  - {name: broken, pattern: {source: shop}}\n")
		pause(20, 50)
		x.p.write("rules.yaml", good)
		x.breakOff()
	}
}

// TestChaosFullDisk fills the disk under load until the program can't continue,
// frees it, and starts the program again.
func TestChaosFullDisk(t *testing.T) {
	x, ballast := onSmallDisk(t, "96m", "0")
	for range min(rounds(t, 2), 20) { // what is retained fills this disk for good some day
		pause(200, 200)
		fill(t, ballast)
		x.p.eventually(20*time.Second, "in trouble", func() bool {
			r, err := http.Get(x.p.url + "/readyz")
			if err != nil {
				return true // it has ended itself
			}
			r.Body.Close()
			return r.StatusCode != http.StatusOK
		})
		pause(100, 200)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		x.breakOff()
	}
	x.judge()
}

// TestChaosDiskFillsUp lets another program fill the disk up to what min_free_disk keeps
// free, and free it again. The router refuses events meanwhile, delivers what it has, and
// takes events again by itself.
func TestChaosDiskFillsUp(t *testing.T) {
	x, ballast := onSmallDisk(t, "256m", "64MiB")
	ready := func(want int) func() bool {
		return func() bool {
			r, err := http.Get(x.p.url + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			return r.StatusCode == want
		}
	}
	for range min(rounds(t, 2), 10) {
		pause(200, 200)
		fillTo(t, ballast, 48<<20)
		x.p.eventually(20*time.Second, "refusing", ready(http.StatusServiceUnavailable))
		if _, err := x.p.put(http.DefaultClient, -1); err == nil || !strings.Contains(err.Error(), "429") && !strings.Contains(err.Error(), "ThrottlingException") {
			t.Errorf("an event while the disk is almost full: %v", err)
		}
		pause(100, 200)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		x.p.eventually(20*time.Second, "ready again", ready(http.StatusOK))
	}
	x.judge()
}

// onSmallDisk begins a trial whose data directory is a small disk of its own, and returns the
// name of a file to fill it with.
func onSmallDisk(t *testing.T, size, free string) (x *trial, ballast string) {
	t.Helper()
	x = newTrial(t)
	data := filepath.Join(x.p.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "mode=700,size="+size); err != nil {
		t.Skipf("a small disk can't be had here: mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		x.p.kill()
		if err := syscall.Unmount(data, 0); err != nil {
			t.Error(err)
		}
	})
	x.p.write("config.yaml", x.p.read("config.yaml")+"min_free_disk: "+free+"\n")
	x.begin()
	return x, filepath.Join(data, "ballast")
}

// fillTo writes a file that leaves so many bytes of its disk free.
func fillTo(t *testing.T, path string, free uint64) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &disk); err != nil {
		t.Fatal(err)
	}
	if left := disk.Bavail * uint64(disk.Bsize); left > free {
		if err := os.WriteFile(path, make([]byte, left-free), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes a file until the disk holds no more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<16); ; {
		if _, err := f.Write(block); err != nil {
			if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
				t.Fatal(fmt.Errorf("fill the disk: %w", err))
			}
			return
		}
	}
}
