package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"signalbox/api/client"
)

// serve is the service alone, until the context ends: it handles the commands of a
// router that is a process of its own.
func serve(ctx context.Context, listen, router string, pace time.Duration, out io.Writer) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	s := &service{router: client.New(client.Options{URL: router}), pace: pace, jobs: map[string]context.CancelFunc{}}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	fmt.Fprintf(out, "the service listens on http://%s; its events go to the router at %s\n", ln.Addr(), router)
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = server.Close()
		<-failed
	}
	s.stop()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// stop cancels the work under way, and waits until its end was told.
func (s *service) stop() {
	s.mu.Lock()
	for _, cancel := range s.jobs {
		cancel()
	}
	s.mu.Unlock()
	s.working.Wait()
}
