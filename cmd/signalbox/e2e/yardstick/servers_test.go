//go:build linux

package yardstick

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/targets/targetstest"
)

// program is the router's binary, built once.
var program string

// TestMain is a yardstick itself where the environment says so (see role); else it builds
// the router, for which a benchmark must have been asked.
func TestMain(m *testing.M) {
	if text := os.Getenv(roleVariable); text != "" {
		fmt.Fprintln(os.Stderr, play(text))
		os.Exit(1)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "signalbox-yardstick")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "signalbox")
		return m.Run()
	}())
}

// programVariable names a program that is measured in place of one that is built of this source,
// to compare two of them.
const programVariable = "YARDSTICK_PROGRAM"

// buildRouter builds the router as make build does.
func buildRouter(t testing.TB) {
	t.Helper()
	if given := os.Getenv(programVariable); given != "" {
		program = given
		return
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "signalbox/cmd/signalbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the router does not build: %v\n%s", err, out)
	}
}

// server is a process that takes events.
type server struct {
	address string
	pid     int
	// followers are the other processes of a cluster, and beside those of what its log is kept by.
	followers, beside []int
	// allocated returns how many bytes the server has allocated so far; nil for one that does not tell.
	allocated func() float64
	// ended returns how many deliveries have ended that no sink sees; nil for a server
	// without such deliveries.
	ended func() int
}

// start runs a command until the benchmark ends, and waits until it answers GET path.
func start(t testing.TB, cmd *exec.Cmd, address, path string) server {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", said.Bytes()[max(0, said.Len()-4000):])
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get("http://" + address + path)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return server{address: address, pid: cmd.Process.Pid}
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not answer: %v", address, err)
		}
	}
}

// router starts the real router with ten rules, of which each event meets one, and copies
// targets of an option list; %s in it is the sink.
func router(target string, copies int) func(t testing.TB, sink string) server {
	return func(t testing.TB, sink string) server {
		dir, address := t.TempDir(), targetstest.FreeAddress(t)
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("config.yaml", "listen: "+address+"\ndata_dir: ./data\nrules: [rules.yaml]\n")
		write("rules.yaml", tenRules(strings.ReplaceAll(target, "%s", "http://"+sink), copies))
		cmd := exec.Command(program, "serve", "--config", filepath.Join(dir, "config.yaml"))
		s := start(t, cmd, address, "/readyz")
		s.allocated = func() float64 { return allocated(t, address) }
		if !strings.Contains(target, "%s") {
			s.ended = func() int { return deliveriesEnded(t, address) }
		}
		return s
	}
}

// tenRules returns a rule file.
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

// deliveriesEnded returns how many deliveries a router has made.
func deliveriesEnded(t testing.TB, address string) int {
	t.Helper()
	var a struct{ Deliveries struct{ Delivered int } }
	ask(t, "http://"+address+"/v1/accounts", &a)
	return a.Deliveries.Delivered
}

// ask reads what a router answers in JSON.
func ask(t testing.TB, url string, into any) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// allocated returns how many bytes a router has allocated so far.
func allocated(t testing.TB, address string) float64 {
	t.Helper()
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "go_memstats_alloc_bytes_total "); ok {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the router does not tell what it has allocated")
	return 0
}

// cpuTime returns what processes have used of the processors' time so far, the threads that
// ended included, from each process's own clock (clock_getcpuclockid(3)).
func cpuTime(t testing.TB, pids ...int) (all time.Duration) {
	t.Helper()
	const allThreads = 2 // CPUCLOCK_SCHED
	for _, pid := range pids {
		var used unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|allThreads), &used); err != nil {
			t.Fatal(err)
		}
		all += time.Duration(used.Nano())
	}
	return all
}

// peakMemory returns the most memory that a process has had, in MiB.
func peakMemory(t testing.TB, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("/proc/%d/status has no VmHWM", pid)
	}
	kib, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return float64(kib) / 1024
}
