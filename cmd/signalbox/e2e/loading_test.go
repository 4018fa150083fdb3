package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/rules/rulestest"
)

// BenchmarkStart starts the program with the rules of a company, and changes one of its files
// ten times. One operation is the start. rss and live-heap are in MiB, before and after the
// reloads; reload-s is one reload, cpu-s the processor time of the start.
func BenchmarkStart(b *testing.B) {
	for _, size := range []struct{ rules, files int }{{10_000, 1000}, {100_000, 1000}} {
		b.Run(fmt.Sprintf("rules=%d/files=%d", size.rules, size.files), func(b *testing.B) {
			p := newProcess(b, "rules: []\n")
			c := rulestest.Company{Dir: filepath.Join(p.dir, "rules"), Rules: size.rules, Files: size.files}
			if err := os.Mkdir(c.Dir, 0o700); err != nil {
				b.Fatal(err)
			}
			c.Write(b)
			p.write("config.yaml", strings.Replace(p.read("config.yaml"), "rules.yaml", "rules/*.yaml", 1))
			for b.Loop() {
				if p.cmd != nil {
					b.StopTimer()
					p.stop()
					b.StartTimer()
				}
				p.start()
			}
			b.ReportMetric(cpuSeconds(b, p.cmd.Process.Pid), "cpu-s")
			p.settle(b)
			p.memory(b, "")
			began := time.Now()
			for i := range 10 {
				c.WriteFile(b, 7, fmt.Sprint(" ", i))
				if status := p.reload(); status != http.StatusOK {
					b.Fatal(status)
				}
			}
			b.ReportMetric(time.Since(began).Seconds()/10, "reload-s")
			p.settle(b)
			p.memory(b, "-after")
		})
	}
}

// settle waits until the program is idle: it then has given back what it does not need.
func (p *process) settle(b *testing.B) {
	b.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		before := cpuSeconds(b, p.cmd.Process.Pid)
		time.Sleep(time.Second)
		if cpuSeconds(b, p.cmd.Process.Pid)-before < 0.05 {
			return
		}
	}
	b.Fatal("the program is not idle within a minute")
}

// memory reports what the program holds.
func (p *process) memory(b *testing.B, when string) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skipf("the memory of another process can't be read here: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(kilobytes/1024, "rss"+when)
	b.ReportMetric(p.metric(b, "go_memstats_heap_alloc_bytes")/(1<<20), "live-heap"+when)
}

// metric returns the value of a metric without labels.
func (p *process) metric(b *testing.B, name string) float64 {
	b.Helper()
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				b.Fatal(err)
			}
			return value
		}
	}
	b.Fatalf("no metric %s", name)
	return 0
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
