// The program runs an order through five services that know nothing of each other:
// each is told what it is concerned with by the router, and answers with the event
// that it leads to. It then shows the traces of four orders, what another rule would have
// changed, the table and the graph of the rules, a consumer that comes later and starts from
// the past, and the state of an order at a moment.
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
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := flag.String("dir", "examples/orders", "the folder of the example")
	program := flag.String("signalbox", "", "the program; built if it is not given")
	stay := flag.Bool("stay", false, "let the router run on until Ctrl-C")
	graph := flag.String("graph", filepath.Join(os.TempDir(), "orders.svg"), "the file that the graph is written to")
	flag.Parse()
	e := &example{dir: *dir, program: *program, graph: *graph, stay: *stay, shop: newShop(), out: os.Stdout}
	if err := e.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

// example is one run of the whole.
type example struct {
	dir, program, graph string
	stay                bool
	shop                *shop
	out                 io.Writer
}

// run starts services and router, sends the orders, and shows what became of them.
func (e *example) run(ctx context.Context) (err error) {
	temp, err := os.MkdirTemp("", "orders-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	url, closeShop, err := e.shop.serve()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeShop()) }()
	r := &signalbox{program: e.program, config: filepath.Join(e.dir, "config", "config.yaml"), rules: filepath.Join(temp, "rules"), out: e.out}
	if err := errors.Join(os.Mkdir(r.rules, 0o700), copyTo(r.rules, filepath.Join(e.dir, "orders.yaml"))); err != nil {
		return err
	}
	if err := r.start(ctx, temp, url); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop(ctx)) }()
	for _, story := range stories {
		if err := story.tell(ctx, r, e.out); err != nil {
			return fmt.Errorf("%s: %w", story.title, err)
		}
	}
	if err := r.propose(ctx, e.dir, filepath.Join(temp, "new")); err != nil {
		return err
	}
	if err := r.show(ctx, e.dir, e.graph); err != nil {
		return err
	}
	if err := r.join(ctx, filepath.Join(e.dir, "later", "statistics.yaml"), e.shop.statistics); err != nil {
		return err
	}
	if err := r.lookBack(ctx, stories[len(stories)-1].order.ID); err != nil {
		return err
	}
	if e.stay {
		fmt.Fprintf(e.out, "\nthe router listens on %s until Ctrl-C\n", r.client.URL)
		<-ctx.Done()
	}
	return nil
}

// serve has the services answer on one port.
func (s *shop) serve() (url string, stop func() error, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // until Close
	return "http://" + ln.Addr().String(), server.Close, nil
}
