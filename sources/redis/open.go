package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	redisio "github.com/gomodule/redigo/redis"
	"go.uber.org/zap"

	"signalbox/sources"
	"signalbox/targets/redis"
	"signalbox/targets/remote"
)

// opener connects to the stream of a source.
type opener struct {
	*Options
	dialer *redis.Dialer
	hidden remote.Hidden
	batch  int
	log    *zap.Logger
}

func newOpener(c *sources.Config, env sources.Env) (sources.Opener, error) {
	o := c.Options.(*Options)
	dialer, secrets, err := redis.NewDialer(c.Name, c.Dir, &o.Server, &o.Login, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	dialer.Wrap = func(conn net.Conn) net.Conn { return &bounded{Conn: conn} }
	return &opener{Options: o, dialer: dialer, hidden: remote.NewHidden(secrets), batch: c.BatchSize, log: env.Logger}, nil
}

// Address is where the source connects to.
func (o *opener) Address() string { return o.dialer.Shown }

// Hide returns an error without what is secret.
func (o *opener) Hide(err error) error { return o.hidden.InError(err) }

// Open connects, and begins to read.
func (o *opener) Open(ctx context.Context) (sources.Conn, error) {
	reader, err := o.dialer.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.dialer.Shown, err)
	}
	other, err := o.dialer.Dial(ctx)
	if err != nil {
		_ = reader.Close()
		return nil, fmt.Errorf("connect to %s: %w", o.dialer.Shown, err)
	}
	if err := o.group(ctx, other); err != nil {
		_ = reader.Close()
		_ = other.Close()
		return nil, fmt.Errorf("stream %q on %s: %w", o.Stream, o.dialer.Shown, err)
	}
	c := &conn{opener: o, other: other, batches: make(chan []sources.Message), done: make(chan struct{})}
	c.reading, c.stop = context.WithCancel(context.Background())
	c.claimed = time.Now()
	go c.read(reader)
	return c, nil
}

// group makes the group, unless it exists.
func (o *opener) group(ctx context.Context, s *redis.Session) error {
	start := "0"
	if o.Start == sources.StartNew {
		start = "$"
	}
	_, err := s.DoIn(ctx, "XGROUP", "CREATE", o.Stream, o.Group, start)
	var answer redisio.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch text := string(answer); {
	case strings.HasPrefix(text, "BUSYGROUP"):
		return nil
	case strings.Contains(text, "requires the key to exist"):
		return errors.New("there is no such stream: the source waits for one")
	}
	return err
}
