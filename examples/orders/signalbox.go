package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"signalbox/api/client"
)

// signalbox is the program, with a router of it that runs.
type signalbox struct {
	program string
	config  string
	rules   string // the folder of those that serve
	out     io.Writer
	client  *client.Client

	serving *exec.Cmd
	env     []string
	logged  chan struct{} // closed when the router's log has ended
}

// start builds the program if need be, and runs the router with its data in a
// folder. The services are at the given address.
func (s *signalbox) start(ctx context.Context, dir, services string) error {
	if s.program == "" {
		s.program = filepath.Join(dir, "signalbox")
		build := exec.CommandContext(ctx, "go", "build", "-o", s.program, "signalbox/cmd/signalbox")
		build.Dir, build.Stderr = filepath.Dir(s.config), os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("go build signalbox/cmd/signalbox: %w", err)
		}
	}
	s.env = append(os.Environ(), "ORDERS_LISTEN=127.0.0.1:0", "ORDERS_DATA="+filepath.Join(dir, "data"), "ORDERS_RULES="+s.rules, "SERVICES_URL="+services)
	s.serving = exec.Command(s.program, "serve", "--config", s.config)
	s.serving.Env = s.env
	log, err := s.serving.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.serving.Start(); err != nil {
		return err
	}
	address := make(chan string, 1)
	s.logged = make(chan struct{})
	go s.read(log, address)
	url, ok := <-address
	if !ok {
		return errors.Join(errors.New("the router does not start"), s.serving.Wait())
	}
	s.client = client.New(client.Options{URL: url})
	return nil
}

var greeting = regexp.MustCompile(`listens on (http://\S+)`)

// read finds in the router's log where it listens, and passes on what is an error.
func (s *signalbox) read(log io.Reader, address chan<- string) {
	defer close(s.logged)
	defer close(address)
	found := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if m := greeting.FindStringSubmatch(lines.Text()); m != nil && !found {
			address <- m[1]
			found = true
		}
		if !found || strings.Contains(lines.Text(), "ERROR") {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
}

// stop ends the router as Ctrl-C does. Where Ctrl-C has ended the context it has
// reached the router too, which takes the second signal for haste.
func (s *signalbox) stop(ctx context.Context) error {
	if err := s.serving.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	kill := time.AfterFunc(30*time.Second, func() { _ = s.serving.Process.Kill() })
	defer kill.Stop()
	<-s.logged
	if err := s.serving.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("signalbox serve: %w", err)
	}
	return nil
}

// run prints a command and what it prints.
func (s *signalbox) run(ctx context.Context, args ...string) error {
	fmt.Fprintf(s.out, "\n$ signalbox %s\n", strings.Join(args, " "))
	return s.call(ctx, s.out, args...)
}

// call runs a command with the configuration of the router.
func (s *signalbox) call(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, s.program, append(args, "--config", s.config)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, out, s.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("signalbox %s: %w", args[0], err)
	}
	return nil
}

// trace shows the trace of an order.
func (s *signalbox) trace(ctx context.Context, id string) error {
	return s.run(ctx, "trace", id, "--url", s.client.URL)
}

// propose changes a rule in a copy of the rules, and shows what that would have changed.
func (s *signalbox) propose(ctx context.Context, dir, into string) error {
	text, err := os.ReadFile(filepath.Join(dir, "orders.yaml"))
	if err != nil {
		return err
	}
	const now, proposed = "pattern: {detail-type: [OrderCreated]}", `pattern: {detail-type: [OrderCreated], detail: {quantity: [{numeric: ["<=", 2]}]}}`
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(into, "orders.yaml"), []byte(strings.Replace(string(text), now, proposed, 1)), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n# What if large orders were kept back?\n\nreserve-item in other rules: %s\n", proposed)
	return s.run(ctx, "diff", "--rules", into, "--url", s.client.URL)
}

// show prints the table of the rules, compares the written one with it, and draws
// the graph into a file.
func (s *signalbox) show(ctx context.Context, dir, path string) error {
	fmt.Fprintf(s.out, "\n# What the rules say\n")
	if err := s.run(ctx, "table"); err != nil {
		return err
	}
	if err := s.run(ctx, "table", "--check", filepath.Join(dir, "table.md")); err != nil {
		return err
	}
	graph, err := os.Create(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n$ signalbox graph > %s\n", path)
	return errors.Join(s.call(ctx, graph, "graph"), graph.Close())
}
