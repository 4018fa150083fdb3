// The program takes CreateBdsInstance through all states of a work request: it
// runs a router with the rules beside it, and a service that handles the command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/audit"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path := flag.String("rules", "examples/work-requests/bds.yaml", "the rule file")
	pace := flag.Duration("pace", 200*time.Millisecond, "how long the service takes to make a node")
	alone := flag.Bool("serve", false, "be the service alone, for a router that runs by itself")
	listen := flag.String("listen", "127.0.0.1:9100", "with -serve: the address to listen on")
	url := flag.String("router", "http://127.0.0.1:8080", "with -serve: the router's address")
	flag.Parse()
	act := func() error { return run(ctx, *path, *pace, os.Stdout) }
	if *alone {
		act = func() error { return serve(ctx, *listen, *url, *pace, os.Stdout) }
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, "work-requests:", err)
		os.Exit(1)
	}
}

// run starts the router and the service, and sends commands.
func run(ctx context.Context, rulePath string, pace time.Duration, out io.Writer) (err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &service{pace: pace, jobs: map[string]context.CancelFunc{}}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // until Close
	defer func() { s.working.Wait(); err = errors.Join(err, server.Close()) }()
	if err := os.Setenv("BDS_URL", "http://"+ln.Addr().String()); err != nil {
		return err
	}
	url, stop, err := start(rulePath)
	if err != nil {
		return err
	}
	defer func() { s.working.Wait(); err = errors.Join(err, stop()) }()
	s.router = client.New(client.Options{URL: url})
	return (&walk{router: s.router, out: out}).all(ctx)
}

// start runs a router with a journal of its own, which stop removes.
func start(rulePath string) (url string, stop func() error, err error) {
	set, err := rules.Load(rules.Source{Globs: []string{rulePath}, Account: "000000000000", Region: "local"})
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "work-requests-")
	if err != nil {
		return "", nil, err
	}
	j, err := store.Open(dir, store.Options{})
	if err != nil {
		return "", nil, err
	}
	registry := prometheus.NewRegistry()
	r, err := router.New(router.Options{Journal: j, Registerer: registry}, set)
	if err != nil {
		return "", nil, errors.Join(err, j.Close())
	}
	log, err := audit.New(j.Audit, zap.NewNop(), registry)
	if err != nil {
		return "", nil, errors.Join(err, j.Close())
	}
	r.Start()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler(r, registry, log), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // until Close
	return "http://" + ln.Addr().String(), func() error {
		return errors.Join(server.Close(), r.Stop(context.Background()), j.Close(), os.RemoveAll(dir))
	}, nil
}

// handler serves ingest for messages, and the API for work requests.
func handler(r *router.Router, registry *prometheus.Registry, log *audit.Log) http.Handler {
	events := ingest.New(r, ingest.Options{
		Command: r.Commands.Command, Query: r.Commands.Query,
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/events", "/v1/commands", "/v1/queries"} {
		mux.Handle(path, events)
	}
	mux.Handle("/", api.New(api.Options{
		Router: r, Audit: log, Gatherer: registry, Logger: zap.NewNop(), Stopping: context.Background(),
	}))
	return mux
}
