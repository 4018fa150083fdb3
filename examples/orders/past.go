package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"signalbox/jobs"
)

// statistics is a service that comes later than the others. It knows a delivery that comes
// again by its id.
type statistics struct {
	mu     sync.Mutex
	orders map[string]bool // whether the router marked it as of the past, by the id of the delivery
}

func newStatistics() *statistics { return &statistics{orders: map[string]bool{}} }

// ServeHTTP counts an order.
func (s *statistics) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[r.Header.Get("X-Signalbox-Delivery-Id")] = r.Header.Get("X-Signalbox-Replay") != ""
}

// count returns how many orders came, and how many of them of the past.
func (s *statistics) count() (all, past int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, replayed := range s.orders {
		if replayed {
			past++
		}
	}
	return len(s.orders), past
}

// join adds the rules of a consumer to those that serve, and waits until it has been sent what
// lies in the past.
func (s *signalbox) join(ctx context.Context, file string, consumer *statistics) error {
	fmt.Fprintf(s.out, "\n# A consumer that comes later, and starts from the past\n\n$ cp %s %s\n", file, s.rules)
	if err := copyTo(s.rules, file); err != nil {
		return err
	}
	if err := s.run(ctx, "reload", "--url", s.client.URL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the past was not replayed within a minute"))
	defer cancel()
	for {
		all, err := s.client.Replays.List(ctx)
		if err != nil {
			return err
		}
		if len(all) > 0 && all[0].State == jobs.Finished {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := s.run(ctx, "replays", "list", "--url", s.client.URL); err != nil {
		return err
	}
	orders, past := consumer.count()
	_, err := fmt.Fprintf(s.out, "\nStatistics has counted %d orders, %d of them of the past\n", orders, past)
	return err
}

// lookBack shows the state of an order now, how it came about, and what it was before it ended.
func (s *signalbox) lookBack(ctx context.Context, order string) error {
	fmt.Fprintf(s.out, "\n# The state of an order at a moment\n")
	history, err := s.client.States.History(ctx, "order", order, "", 0)
	if err != nil {
		return err
	}
	if len(history.Changes) < 2 {
		return fmt.Errorf("order %s has changed %d times", order, len(history.Changes))
	}
	before := history.Changes[1].At.Format(time.RFC3339Nano)
	for _, args := range [][]string{{}, {"--history"}, {"--at", before}} {
		if err := s.run(ctx, append([]string{"state", "get", "order", order, "--url", s.client.URL}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// copyTo copies files into a folder.
func copyTo(dir string, files ...string) error {
	for _, name := range files {
		from, err := os.Open(name)
		if err != nil {
			return err
		}
		to, err := os.Create(filepath.Join(dir, filepath.Base(name)))
		if err == nil {
			_, err = io.Copy(to, from)
			err = errors.Join(err, to.Close())
		}
		if err := errors.Join(err, from.Close()); err != nil {
			return err
		}
	}
	return nil
}
