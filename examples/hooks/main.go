// The program sends the deliveries beside it, signed as of now, to a router of its own, in
// memory, and prints what its targets got. With -url it sends them to a router that runs.
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
	"strings"
	"sync"
	"time"

	"signalbox/ingest"
	"signalbox/router"
	"signalbox/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := flag.String("dir", "examples/hooks", "the folder of the example")
	url := flag.String("url", "", "send the deliveries to this router, with the example's secrets")
	flag.Parse()
	var err error
	if *url != "" {
		err = sendAll(ctx, *dir, *url, os.Stdout)
	} else {
		err = run(ctx, *dir, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hooks:", err)
		os.Exit(1)
	}
}

// run sends the deliveries to a router of its own, and prints what its targets got.
func run(ctx context.Context, dir string, out io.Writer) (err error) {
	got := &receiver{}
	address, end, err := serve(got)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := os.Setenv("RECEIVER_URL", address); err != nil {
		return err
	}
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "hooks.yaml")}})
	if err != nil {
		return err
	}
	r, err := router.Embed("", router.Options{DedupWindow: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close(context.WithoutCancel(ctx))) }()
	if err := r.Swap(set); err != nil {
		return err
	}
	r.Start()
	door := ingest.NewHooks(ingest.New(r, ingest.Options{}), func(string) bool { return true })
	door.Set(set.Hooks)
	address, end, err = serve(door)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := sendAll(ctx, dir, address, out); err != nil {
		return err
	}
	for r.Accounts().Deliveries.Pending() > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	got.print(out)
	return nil
}

// serve serves a handler on a free port, until end is called.
func serve(h http.Handler) (address string, end func() error, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // until Close
	return "http://" + ln.Addr().String(), server.Close, nil
}

// sendAll sends every delivery, signed as of now.
func sendAll(ctx context.Context, dir, url string, out io.Writer) error {
	paths, err := filepath.Glob(filepath.Join(dir, "deliveries", "*.http"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		d, err := read(path)
		if err != nil {
			return err
		}
		d.sign(time.Now())
		status, err := d.send(ctx, url)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-16s %s\n", strings.TrimSuffix(filepath.Base(path), ".http"), status)
	}
	return nil
}

// receiver stands in for all targets.
type receiver struct {
	mu  sync.Mutex
	got []receipt
}

// receipt is one delivery: who got it, and its body.
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
	text := string(body)
	if len(text) > 120 {
		text = text[:120] + "…"
	}
	r.got = append(r.got, receipt{req.URL.Path[1:], text})
}

// print tells what each target got, by target and then by text.
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
