package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// rootVariable names the directory that a process takes for the root of all files, before it
// prints how much memory it has.
const rootVariable = "SIGNALBOX_TEST_ROOT"

func TestMain(m *testing.M) {
	root := os.Getenv(rootVariable)
	if root == "" {
		os.Exit(m.Run())
	}
	err := syscall.Chroot(root)
	if err == nil {
		err = os.Chdir("/")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(available())
}

// availableIn runs a process that sees no files but the given ones, and returns what memory it
// takes to be available.
func availableIn(t *testing.T, files map[string]string) uint64 {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), rootVariable+"="+root)
	if os.Geteuid() != 0 { // a user of its own may change its root
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}}
	}
	out, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), syscall.EPERM.Error()) {
		t.Skipf("a process with a root of its own can't be had here: %v: %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return n
}

// TestAvailableInControlGroups reads control groups of both versions from files that are made
// up: the least limit on the way up counts.
func TestAvailableInControlGroups(t *testing.T) {
	const (
		mib     = 1 << 20
		v2      = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		v1      = "31 23 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:5 - cgroup cgroup rw,memory\n"
		inside  = "30 23 0:26 /kubepods/pod1 /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n" // of a container without a namespace of its own
		noLimit = "9223372036854771712\n"
	)
	machine := availableIn(t, nil)
	if machine < 64*mib {
		t.Fatalf("the machine has %d bytes", machine)
	}
	for name, test := range map[string]struct {
		mounts, groups string
		files          map[string]string
		want           uint64
	}{
		"v2":                        {v2, "0::/app\n", map[string]string{"app/memory.max": "52428800\n"}, 50 * mib},
		"v2, in a root":             {v2, "0::/\n", map[string]string{"memory.max": "52428800\n"}, 50 * mib},
		"v2, max":                   {v2, "0::/app\n", map[string]string{"app/memory.max": "max\n"}, machine},
		"v2, nested":                {v2, "0::/a/b/c\n", map[string]string{"a/memory.max": "41943040\n", "a/b/memory.max": "52428800\n", "a/b/c/memory.max": "max\n"}, 40 * mib},
		"v2, least inside":          {v2, "0::/a/b\n", map[string]string{"a/memory.max": "41943040\n", "a/b/memory.max": "20971520\n"}, 20 * mib},
		"v2, no file":               {v2, "0::/app\n", map[string]string{"app/cgroup.procs": ""}, machine},
		"v2, a container":           {inside, "0::/kubepods/pod1/c\n", map[string]string{"memory.max": "41943040\n", "c/memory.max": "max\n"}, 40 * mib},
		"v2, more than the machine": {v2, "0::/app\n", map[string]string{"app/memory.max": "9223372036854771711\n"}, machine},
		"v2, no number":             {v2, "0::/app\n", map[string]string{"app/memory.max": "much\n"}, machine},
		"v1":                        {v1, "5:memory:/app\n", map[string]string{"memory/app/memory.limit_in_bytes": "52428800\n"}, 50 * mib},
		"v1, no limit":              {v1, "5:memory:/app\n", map[string]string{"memory/app/memory.limit_in_bytes": noLimit}, machine},
		"v1, nested": {v1, "5:memory:/a/b\n", map[string]string{
			"memory/a/b/memory.limit_in_bytes": noLimit, "memory/a/b/memory.stat": "cache 0\nhierarchical_memory_limit 41943040\n"}, 40 * mib},
		"both": {v2 + v1, "5:memory:/app\n0::/app\n", map[string]string{
			"app/memory.max": "41943040\n", "memory/app/memory.limit_in_bytes": "52428800\n"}, 50 * mib}, // the memory is with v1 there
		"not mounted": {"", "0::/app\n", nil, machine},
		"in none":     {v2, "", nil, machine},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"proc/self/mountinfo": test.mounts, "proc/self/cgroup": test.groups}
			for file, text := range test.files {
				files[filepath.Join("sys/fs/cgroup", file)] = text
			}
			if got := availableIn(t, files); got != test.want {
				t.Errorf("%d bytes, want %d", got, test.want)
			}
		})
	}
}
