package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aheadSource is what the program's clock is ahead by, in seconds.
const aheadSource = `
var aheadBy = func() (seconds int64) {
	text, _ := syscall.Getenv("CLOCK_AHEAD")
	behind := len(text) > 0 && text[0] == '-'
	for i := range len(text) {
		if text[i] != '-' {
			seconds = 10*seconds + int64(text[i]-'0')
		}
	}
	if behind {
		return -seconds
	}
	return seconds
}()
`

// misclocked builds the same program with another package time: its clock is wrong by the seconds of CLOCK_AHEAD. It
// is built once, which takes minutes, as all packages are compiled anew.
func misclocked(t testing.TB) (binary string) {
	t.Helper()
	dir := filepath.Dir(program)
	binary = filepath.Join(dir, "misclocked")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	must(t, err)
	const now = "\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), now) != 1 || strings.Count(string(text), "import (\n") != 1 {
		t.Skip("this version of Go tells the time in another way")
	}
	changed := strings.NewReplacer(now, now+"\tsec += aheadBy\n", "import (\n", "import (\n\t\"syscall\"\n").Replace(string(text)) + aheadSource
	must(t, os.WriteFile(filepath.Join(dir, "time.go"), []byte(changed), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "time.go")}})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "signalbox/cmd/signalbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the program with another clock does not build: %v\n%s", err, out)
	}
	return binary
}

// setClocks sets those of two machines wrong, before the nodes start: one is a minute ahead, one ten minutes behind.
func (x *clustered) setClocks() {
	x.t.Helper()
	binary := misclocked(x.t)
	for i, ahead := range []string{"0", "60", "-600"} {
		p := x.nodes[i]
		p.binary, p.env = binary, append(p.env, "CLOCK_AHEAD="+ahead)
	}
	x.t.Log("node 2 is a minute ahead, node 3 ten minutes behind")
}

// TestClusterClocks has nodes lead one after the other whose clocks differ. CLUSTER_ROUNDS makes as many changes of the leader, 20 at most.
func TestClusterClocks(t *testing.T) {
	rounds := fromEnvironment(t, "CLUSTER_ROUNDS", 0)
	if rounds == 0 {
		t.Skip("it builds all packages anew: set CLUSTER_ROUNDS")
	}
	x := newClustered(t, usualServers, "1MiB")
	x.setClocks()
	x.beginOperated()
	led := map[int]bool{}
	for n := range min(rounds, 20) {
		led[x.leader()] = true
		x.fail(n, []clusterFault{{"leader killed", 0, time.Second, func(x *clustered, leader int) func() { return x.killNodes(leader) }}})
	}
	t.Logf("nodes that have led: %v", led)
	x.round(func() func() { return x.killNodes(1, 2) }, 8*time.Second) // an archive by a clock that is behind ends ten minutes ago
	x.s.be(kind)
	x.judge()
}
