package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"signalbox/cmd/signalbox/internal/cli"
)

// terminal returns a terminal of a width, and what is written to it.
func terminal(t *testing.T, width uint16) (tty *os.File, shown *output) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	fd := int(master.Fd())
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	must(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}))
	shown = new(output)
	var done sync.WaitGroup
	done.Go(func() { _, _ = io.Copy(shown, master) }) // which ends with an error when the terminal is closed
	t.Cleanup(func() {
		_ = tty.Close()
		done.Wait()
		_ = master.Close()
	})
	return tty, shown
}

// TestListingsOnATerminal looks at a failing target and its events and dead letters in 80 columns.
func TestListingsOnATerminal(t *testing.T) {
	sink := newShop(t)
	sink.down.Store(true)
	s := startRouter(t, shopDir(t, sink, ""))
	signalboxIn(t, strings.Repeat(bigOrder+"\n", 12), "send", "-", "--url", s.url).want(t, cli.ExitOK, "-", "")
	s.eventually("dead, and the circuit open", func() bool {
		return strings.Count(s.run("dlq", "list").stdout, "big-orders") == 12
	})
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	for _, tt := range []struct{ args, first, holds string }{
		{"targets list", "TARGET", "503"},
		{"events --limit 3", "OUTCOME", "dead"},
		{"dlq list --limit 3", "ERROR", "503"},
		{"rules list", "RULE", "big-orders"},
	} {
		for _, noColour := range []string{"", "1"} {
			tty, shown := terminal(t, 80)
			cmd := exec.CommandContext(t.Context(), os.Args[0], append(strings.Fields(tt.args), "--url", s.url)...)
			cmd.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm", "NO_COLOR="+noColour)
			cmd.Stdout, cmd.Stderr = tty, io.Discard
			must(t, cmd.Run())
			s.eventually("shown", func() bool { return strings.Contains(shown.String(), tt.holds) })
			text := strings.ReplaceAll(shown.String(), "\r\n", "\n")
			if colours := strings.Contains(text, "\x1b"); colours != (noColour == "") && tt.args != "dlq list --limit 3" {
				t.Errorf("%s: NO_COLOR=%s: colours: %v\n%q", tt.args, noColour, colours, text)
			}
			text = escapes.ReplaceAllString(text, "")
			if !strings.HasPrefix(text, tt.first) {
				t.Errorf("%s: got\n%s", tt.args, text)
			}
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
					t.Errorf("%s: %d characters: %s", tt.args, n, line)
				}
			}
		}
	}
}

// TestWatchOnATerminal wants a listing to be drawn anew, and to end with the interrupt.
func TestWatchOnATerminal(t *testing.T) {
	s := startRouter(t, shopDir(t, newShop(t), ""))
	tty, shown := terminal(t, 80)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "targets", "list", "--watch=100ms", "--url", s.url)
	cmd.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm")
	cmd.Stdout = tty
	must(t, cmd.Start())
	s.eventually("drawn three times", func() bool { return strings.Count(shown.String(), "\x1b[2J") >= 3 })
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestWatchInAPipe wants one listing after the other, and a router that is away for a while not
// to end it.
func TestWatchInAPipe(t *testing.T) {
	s := startRouter(t, shopDir(t, newShop(t), ""))
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs output
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"rules", "list", "--watch=100ms", "--url", s.url}, strings.NewReader(""), &out, &errs)
	}()
	s.eventually("listed twice", func() bool { return strings.Count(out.String(), "RULE") >= 2 })
	s.end()
	s.eventually("said", func() bool { return errs.String() != "" })
	cancel()
	if code := <-ended; code != cli.ExitOK || strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), "\n\nRULE") {
		t.Errorf("code %d\n%s\n%s", code, out.String(), errs.String())
	}
	signalbox(t, "rules", "list", "--watch=1ms").want(t, cli.ExitUsage, "", "at least 100ms")
	signalbox(t, "rules", "list", "--watch", "--url", s.url).want(t, cli.ExitError, "", "")
}
