package serve

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/router"
)

const (
	// stopOverrun is how long after drain_delay and shutdown_timeout the process ends even
	// if something hangs that no part could end. It is a bit less than the 2 s that are
	// promised.
	stopOverrun = 1900 * time.Millisecond
	// reloadGrace is how long a stop waits for a reload under way.
	reloadGrace = time.Second
)

// endInTime ends the process where a stop, which begins when ctx ends, takes longer than
// it may. The stop calls it off when it has ended.
func (s *server) endInTime(ctx context.Context) (callOff func()) {
	limit := s.cfg.DrainDelay + s.cfg.ShutdownTimeout + stopOverrun
	var ended atomic.Bool
	timer := time.AfterFunc(time.Hour, func() {
		if ended.Load() {
			return
		}
		fmt.Fprintf(s.Stderr, "signalbox: the stop has not ended %v after it began, and is broken off. Nothing acknowledged is lost.\n", limit)
		_ = s.outlet.Sync()
		s.exit(cli.ExitError)
	})
	timer.Stop()
	began := context.AfterFunc(ctx, func() { timer.Reset(limit) })
	return func() {
		ended.Store(true)
		began()
		timer.Stop()
	}
}

// drain is the time between being told to stop and beginning to: readiness says so, and
// events are still taken in.
func (s *server) drain() error {
	s.front.Close()
	if s.cfg.DrainDelay <= 0 {
		return nil
	}
	s.log.Info("about to stop; events are still taken in", zap.Duration("for", s.cfg.DrainDelay))
	timer := time.NewTimer(s.cfg.DrainDelay)
	defer timer.Stop()
	select {
	case err := <-s.http.Failed():
		return fmt.Errorf("serve HTTP: %w", err)
	case <-timer.C:
		return nil
	}
}

// stopHTTP takes in nothing more. Requests under way may use half of the time that is
// left: one whose sender dawdles must not keep it from attempts at deliveries.
func (s *server) stopHTTP(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	err := s.http.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		s.log.Warn("requests that had not come in full were cut off; nothing of them was acknowledged", zap.Error(err))
		return nil
	}
	return err
}

// brokenAt is when attempts are broken off that have not ended while events were still taken in.
const brokenAt = 100 * time.Millisecond

// stopRouter lets attempts end. That some had to be broken off is no failure of the stop.
func (s *server) stopRouter(ctx context.Context) error {
	if s.term != nil && s.term.Err() == nil {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, brokenAt, fmt.Errorf("not done within %v, and another node is to lead", s.handOverWithin()))
		defer cancel()
	}
	err := s.router.Stop(ctx)
	var broken *router.BrokenOffError
	if errors.As(err, &broken) {
		s.log.Warn("attempts under way were broken off; they are made again at the next start",
			zap.Int("attempts", broken.Attempts), zap.Error(broken.Cause))
		return nil
	}
	return err
}

// stopReloads waits for reloads under way, but not for one that hangs.
func (s *server) stopReloads(ctx context.Context) error {
	if waited(ctx, reloadGrace, s.reloads.Wait) {
		return nil
	}
	s.log.Warn("a reload under way hangs, and is left behind")
	return nil
}

// waited reports whether wait returns within a time, and before ctx ends.
func waited(ctx context.Context, d time.Duration, wait func()) bool {
	done := make(chan struct{})
	go func() { wait(); close(done) }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}
