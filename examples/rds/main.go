// The program sends the events beside it through a router of its own, in memory, and
// prints who was told of each.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"signalbox/event"
	"signalbox/router"
	"signalbox/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := flag.String("dir", "examples/rds", "the folder of the example")
	flag.Parse()
	if err := run(ctx, *dir, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rds:", err)
		os.Exit(1)
	}
}

// run routes the events and prints what the targets got.
func run(ctx context.Context, dir string, out io.Writer) (err error) {
	got := &receiver{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: got, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // until Close
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := os.Setenv("RECEIVER_URL", "http://"+ln.Addr().String()); err != nil {
		return err
	}
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "rds.yaml")}})
	if err != nil {
		return err
	}
	r, err := router.Embed("", router.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close(context.WithoutCancel(ctx))) }()
	if err := r.Swap(set); err != nil {
		return err
	}
	r.Start()
	events, err := read(filepath.Join(dir, "events"))
	if err != nil {
		return err
	}
	if err := r.Handle(ctx, events...); err != nil {
		return err
	}
	if err := done(ctx, r); err != nil {
		return err
	}
	got.print(out)
	return nil
}

// read returns the events of the files in a folder.
func read(dir string) ([]*event.Event, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var events []*event.Event
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		batch, err := event.DecodeJSON(text, event.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		events = append(events, batch.Events...)
	}
	return events, nil
}

// done waits until every delivery has been made.
func done(ctx context.Context, r *router.Embedded) error {
	for r.Accounts().Deliveries.Pending() > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// receiver stands in for all targets.
type receiver struct {
	mu  sync.Mutex
	got []receipt
}

// receipt is one delivery: who got it, and what it says in a line.
type receipt struct{ target, text string }

// ServeHTTP notes a delivery.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, receipt{req.URL.Path[1:], summary(body)})
}

// print prints what each target got, by target and then by text.
func (r *receiver) print(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.got, func(a, b receipt) int { return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.text, b.text)) })
	for i, g := range r.got {
		if i == 0 || r.got[i-1].target != g.target {
			fmt.Fprintf(out, "\n%s\n", g.target)
		}
		fmt.Fprintf(out, "  %s\n", g.text)
	}
}
