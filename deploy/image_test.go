package deploy

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// user is who the image runs as.
const user = 65532

// TestImage makes the file system that the Dockerfile describes, and runs the router in it as
// its user: with nothing else there, and nothing but its data to write to.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a chroot")
	}
	root := image(t)
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/signalbox", args...)
		cmd.Dir, cmd.Env = "/", []string{"SIGNALBOX_CONFIG=/etc/signalbox/config.yaml", "SIGNALBOX_API_KEY=a-key-of-sixteen"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
		return cmd
	}
	if out, err := inside("check").CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	serve := inside("serve", "--listen", "127.0.0.1:0")
	log, err := serve.StderrPipe()
	must(t, err)
	must(t, serve.Start())
	t.Cleanup(func() { _ = serve.Process.Kill() })
	url := listening(t, log)
	for _, args := range [][]string{{"health"}, {"send", `{"source": "a", "detail-type": "B", "detail": {}}`}, {"targets", "list"}} {
		if out, err := inside(append(args, "--url", url)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	must(t, serve.Process.Signal(syscall.SIGTERM))
	if err := serve.Wait(); err != nil {
		t.Errorf("the stop: %v", err)
	}
	if out, err := inside("verify").CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// listening returns the address at which a router says that it listens, in its log in JSON.
func listening(t *testing.T, log io.Reader) string {
	t.Helper()
	address := regexp.MustCompile(`"url": ?"(http://[^"]+)"`)
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		close(found)
	}()
	select {
	case url := <-found:
		if url == "" {
			t.Fatal("the router has ended")
		}
		return url
	case <-time.After(time.Minute):
		t.Fatal("the router does not start")
	}
	return ""
}

// image makes the file system of the Dockerfile's last stage, and returns its root.
func image(t *testing.T) string {
	root := t.TempDir()
	must(t, os.Chmod(root, 0o755))
	must(t, os.Chmod(filepath.Dir(root), 0o755))
	text := read(t, "docker/Dockerfile")
	last := text[strings.LastIndex(text, "\nFROM "):]
	for _, m := range regexp.MustCompile(`(?m)^COPY (.*)$`).FindAllStringSubmatch(last, -1) {
		var flags string
		fields := strings.Fields(m[1])
		for strings.HasPrefix(fields[0], "--") {
			flags, fields = flags+fields[0], fields[1:]
		}
		from, to := fields[0], filepath.Join(root, fields[1])
		switch {
		case from == "/out/signalbox":
			from = program(t)
		case from == "/out/data":
			from = filepath.Join(t.TempDir(), "data")
			must(t, os.Mkdir(from, 0o700))
		case !strings.Contains(flags, "--from"):
			from = filepath.Join("..", from)
		}
		if _, err := os.Stat(from); err != nil { // certificates and time zones, which the test needs not
			t.Logf("left out: %v", err)
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		output(t, "cp", "-rL", from, to)
		if strings.Contains(flags, "--chown=65532:65532") {
			must(t, os.Chown(to, user, user))
		}
	}
	return root
}
