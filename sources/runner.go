package sources

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/event"
)

const (
	// minBackoff and maxBackoff bound the wait before a broker is connected to again.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
	// openTimeout bounds one try to connect, ackTimeout the acknowledgement of a batch.
	openTimeout = 15 * time.Second
	ackTimeout  = 10 * time.Second
	// watchEvery is how often the lag is asked for, and the rate counted.
	watchEvery = 5 * time.Second
)

// runner is one source that runs.
type runner struct {
	source *Source
	opts   *SupervisorOptions
	log    *zap.Logger
	counts *counts
	cancel context.CancelFunc
	ended  chan struct{}
	// changed tells run that the pause has changed.
	changed chan struct{}

	mu     sync.Mutex
	status Status
	// endSession ends the session that is under way; nil where there is none.
	endSession context.CancelFunc
}

// run connects and takes messages in until ctx ends.
func (r *runner) run(ctx context.Context) {
	r.running(func() { r.watch(ctx) }, func() {
		wait := time.Duration(0)
		for r.ready(ctx, wait) {
			session, end := r.begin(ctx)
			began := time.Now()
			err := r.session(session)
			ended := session.Err() != nil // by a pause, or with ctx
			end()
			switch {
			case ended:
				wait = 0
			case time.Since(began) > maxBackoff:
				wait = r.failed(err, 0)
			default:
				wait = r.failed(err, wait)
			}
		}
	})
}

// running runs watch beside work, and ends it with that.
func (r *runner) running(watch, work func()) {
	var beside sync.WaitGroup
	beside.Go(watch)
	work()
	r.cancel()
	beside.Wait()
}

// ready waits until a time is over and the source is not paused; false where it has ended.
func (r *runner) ready(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	over := false
	for {
		if over && !r.paused() {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			over = true
		case <-r.changed:
			over = true // resumed: try at once
		}
	}
}

// begin returns the context of a session, which a pause ends.
func (r *runner) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	session, end := context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.endSession = end; r.status.Pause != nil {
		end()
	} else if r.status.State != StateFailing {
		r.status.State = StateConnecting
	}
	return session, end
}

// session connects, and takes in what comes until the connection breaks or ctx ends.
func (r *runner) session(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	conn, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer r.with(conn)()
	r.connected()
	for {
		batch, err := conn.Fetch(ctx)
		if err != nil {
			return err
		}
		if err := r.take(ctx, conn, batch); err != nil {
			return err
		}
	}
}

func (r *runner) open(ctx context.Context) (Conn, error) {
	opener, err := r.source.Kind.New(&r.source.Config, r.opts.Env)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := opener.Open(ctx)
	if err != nil {
		return nil, opener.Hide(err)
	}
	return &hiding{conn, opener}, nil
}

// hiding is a connection whose errors tell no secrets.
type hiding struct {
	Conn
	opener Opener
}

func (h *hiding) Fetch(ctx context.Context) ([]Message, error) {
	all, err := h.Conn.Fetch(ctx)
	if err != nil {
		err = h.opener.Hide(err)
	}
	return all, err
}

func (h *hiding) Ack(ctx context.Context, all []Message) error {
	if err := h.Conn.Ack(ctx, all); err != nil {
		return h.opener.Hide(err)
	}
	return nil
}

// take takes a batch in, and acknowledges it.
func (r *runner) take(ctx context.Context, conn Conn, batch []Message) error {
	r.counts.received(len(batch))
	b := &taking{runner: r, conn: conn, batch: batch}
	b.decode()
	if err := b.accept(ctx); err != nil {
		return err
	}
	if err := b.bury(ctx); err != nil {
		return err
	}
	ack, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	if err := conn.Ack(ack, batch); err != nil {
		return err
	}
	b.count()
	return nil
}

// failed notes why a session ended, and returns how long to wait before the next.
func (r *runner) failed(err error, before time.Duration) time.Duration {
	wait := min(max(minBackoff, 2*before), maxBackoff)
	r.counts.errors.Inc()
	if text := err.Error(); r.change(StateFailing, text) {
		r.log.Warn("source can't take messages in; it tries again", zap.Error(err))
	}
	return wait/2 + rand.N(wait/2)
}

func (r *runner) connected() {
	if r.change(StateRunning, "") {
		r.log.Info("source is connected")
	}
}

// change sets the state, and reports whether that is news for the log. A pause has the last
// word, also while a batch is still under way.
func (r *runner) change(state State, problem string) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Pause != nil {
		return false
	}
	news = r.status.State != state || r.status.Error != problem
	r.status.State, r.status.Error = state, problem
	return news
}

// Sender returns a context of what sources take in: ids of messages are not those of other
// senders. It is one for all sources, as any of them may get a message again that another has had:
// one of the same consumer, or of another name.
func Sender(ctx context.Context) context.Context { return event.WithSender(ctx, "source/") }
