// The receiver stands in for a service that the router delivers to: it prints
// each request that it gets. With -status 503 it refuses them all, to see the
// router try again and, in the end, park the event in its dead-letter queue.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("receiver", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:9000", "the address to listen on")
	status := flags.Int("status", http.StatusOK, "the status to answer with")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *status < 200 || *status > 599 {
		fmt.Fprintf(stderr, "receiver: -status is %d: use 200 to 599\n", *status)
		return 2
	}
	if err := serve(ctx, *listen, *status, stdout); err != nil {
		fmt.Fprintf(stderr, "receiver: %v\n", err)
		return 1
	}
	return 0
}

// serve answers requests until the context ends.
func serve(ctx context.Context, listen string, status int, stdout io.Writer) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fmt.Fprintf(stdout, "listening on http://%s, answering %d\n", ln.Addr(), status)
	srv := &http.Server{Handler: printer(stdout, status), ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		// What is under way has a second to end.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = srv.Shutdown(grace)
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

// printer writes each request in one piece, so that those that come at the same
// time do not mix.
func printer(stdout io.Writer, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(stdout, "%s %s  delivery %s, attempt %s\n%s\n\n", r.Method, r.URL.Path,
			r.Header.Get("X-Signalbox-Delivery-Id"), r.Header.Get("X-Signalbox-Attempt"), body)
		w.WriteHeader(status)
	})
}
