package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	redisio "github.com/gomodule/redigo/redis"
	"go.uber.org/zap"

	"signalbox/sources"
	"signalbox/targets/redis"
)

// conn reads a stream in a group: on one connection, which waits for entries, while another
// acknowledges them.
type conn struct {
	*opener
	// mu is held by what uses other.
	mu    sync.Mutex
	other *redis.Session
	// held is when the entries in hand were last held.
	held time.Time

	// ahead is the batch that the reader has and Fetch has not returned.
	ahead   atomic.Pointer[[]sources.Message]
	batches chan []sources.Message
	// reading ends by stop; done is closed when the reader has ended, with err set before.
	reading context.Context
	stop    context.CancelFunc
	done    chan struct{}
	err     error
	// claimed is when it was last looked through what the group's other consumers have in hand, and
	// cursor how far, where it is not through; both are the reader's.
	claimed time.Time
	cursor  string
}

const (
	// block is how long the server waits for entries.
	block = 5 * time.Second
	// claimEvery is how often entries are looked for that another consumer of the group has had in
	// hand for claimAfter.
	claimEvery = 30 * time.Second
	claimAfter = time.Minute
)

// read reads what the router had in hand when it last ended, in order, and then what is new.
func (c *conn) read(s *redis.Session) {
	defer close(c.done)
	defer s.Close()
	for from := "0"; ; {
		entries, err := c.next(s, from)
		if err != nil {
			c.err = err
			return
		}
		if len(entries) == 0 {
			from = ">"
			continue
		}
		if from != ">" {
			from = entries[len(entries)-1].id
		}
		batch := c.messages(entries)
		if len(batch) == 0 {
			continue
		}
		c.ahead.Store(&batch)
		select {
		case c.batches <- batch:
			c.ahead.CompareAndSwap(&batch, nil)
		case <-c.reading.Done():
			c.err = c.reading.Err()
			return
		}
	}
}

// entry is an entry of a stream. One without fields has been deleted before it was read.
type entry struct {
	id     string
	fields []string // names and values in turn
}

// next returns the entries from a place on: ">" is what nobody has read.
func (c *conn) next(s *redis.Session, from string) ([]entry, error) {
	for from == ">" && (c.cursor != "" || time.Since(c.claimed) > claimEvery) {
		entries, err := c.claim(s)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	args := []any{"GROUP", c.Group, c.Consumer, "COUNT", c.batch}
	if from == ">" {
		args = append(args, "BLOCK", block.Milliseconds())
	}
	answer, err := s.DoIn(c.reading, "XREADGROUP", append(args, "STREAMS", c.Stream, from)...)
	if err != nil || answer == nil {
		return nil, err
	}
	streams, err := redisio.Values(answer, nil)
	if err != nil || len(streams) != 1 {
		return nil, errors.Join(errAnswer, err)
	}
	stream, err := redisio.Values(streams[0], nil)
	if err != nil || len(stream) != 2 {
		return nil, errors.Join(errAnswer, err)
	}
	return entriesOf(stream[1])
}

// claim takes entries over that a consumer which has gone had in hand. Each call goes on where
// the one before has ended, until all that is in hand anywhere has been looked at.
func (c *conn) claim(s *redis.Session) ([]entry, error) {
	answer, err := redisio.Values(s.DoIn(c.reading, "XAUTOCLAIM", c.Stream, c.Group, c.Consumer, claimAfter.Milliseconds(), cmp.Or(c.cursor, through), "COUNT", c.batch))
	c.cursor, c.claimed = "", time.Now()
	var refused redisio.Error
	switch {
	case errors.As(err, &refused): // before Redis 6.2, or without the right
		return nil, nil
	case err != nil || len(answer) < 2:
		return nil, errors.Join(errAnswer, err)
	}
	if c.cursor, err = redisio.String(answer[0], nil); err != nil {
		return nil, errors.Join(errAnswer, err)
	}
	if c.cursor == through {
		c.cursor = ""
	}
	return entriesOf(answer[1])
}

// through is the cursor that XAUTOCLAIM begins with, and ends with.
const through = "0-0"

var errAnswer = errors.New("the server's answer is none of a Redis server")

func entriesOf(answer any) ([]entry, error) {
	list, err := redisio.Values(answer, nil)
	if err != nil {
		return nil, errors.Join(errAnswer, err)
	}
	out := make([]entry, 0, len(list))
	for _, one := range list {
		parts, err := redisio.Values(one, nil)
		if errors.Is(err, redisio.ErrNil) {
			continue // claimed, and deleted
		}
		if err != nil || len(parts) != 2 {
			return nil, errors.Join(errAnswer, err)
		}
		e := entry{}
		if e.id, err = redisio.String(parts[0], nil); err != nil {
			return nil, errors.Join(errAnswer, err)
		}
		if parts[1] != nil {
			if e.fields, err = redisio.Strings(parts[1], nil); err != nil || len(e.fields)%2 != 0 {
				return nil, errors.Join(errAnswer, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// messages returns the messages of entries. Those that are deleted are acknowledged.
func (c *conn) messages(entries []entry) []sources.Message {
	out := make([]sources.Message, 0, len(entries))
	var gone []sources.Message
	for i := range entries {
		m := c.message(&entries[i])
		if entries[i].fields == nil {
			gone = append(gone, m)
		} else {
			out = append(out, m)
		}
	}
	if len(gone) > 0 {
		c.log.Warn("entries were deleted from the stream before they were taken in", zap.String("stream", c.Stream), zap.Int("entries", len(gone)), zap.String("first", gone[0].Tag.(string)))
		_ = c.Ack(c.reading, gone) // else they are told of again
	}
	return out
}

// fieldBody is the field that has the body, where there is one: the others are headers.
const fieldBody = "body"

func (c *conn) message(e *entry) sources.Message {
	m := sources.Message{Headers: map[string]string{}, Subject: c.Stream, Origin: c.dialer.Place(), ID: c.Stream + "/" + e.id, Time: timeOf(e.id), Tag: e.id}
	all, found := make(map[string]string, len(e.fields)/2), false
	for i := 0; i+1 < len(e.fields); i += 2 {
		name, value := e.fields[i], e.fields[i+1]
		if all[name] = value; name == fieldBody {
			m.Body, found = []byte(value), true
		} else {
			m.Headers[strings.ToLower(name)] = strings.ToValidUTF8(value, "\ufffd")
		}
	}
	if !found {
		m.Body, _ = json.Marshal(all) // of text
		m.Headers = map[string]string{"content-type": "application/json"}
	}
	return m
}

// timeOf returns the time in the id of an entry.
func timeOf(id string) time.Time {
	millis, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// Fetch returns the entries that have come.
func (c *conn) Fetch(ctx context.Context) ([]sources.Message, error) {
	select {
	case batch := <-c.batches:
		c.held = time.Time{}
		return batch, nil
	case <-c.done:
		return nil, fmt.Errorf("stream %q on %s: %w", c.Stream, c.dialer.Shown, c.err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// do does something on the other connection.
func (c *conn) do(ctx context.Context, command string, args ...any) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.other.DoIn(ctx, command, args...)
}

// named returns the arguments that begin with the stream and the group, and end with the ids of
// messages.
func (c *conn) named(all []sources.Message, between ...any) []any {
	args := append([]any{c.Stream, c.Group}, between...)
	for i := range all {
		args = append(args, all[i].Tag)
	}
	return args
}

// Ack acknowledges entries.
func (c *conn) Ack(ctx context.Context, all []sources.Message) error {
	_, err := c.do(ctx, "XACK", c.named(all)...)
	return err
}

// holdEvery is how often entries are held.
const holdEvery = claimAfter / 6

// Hold keeps other consumers of the group from taking the entries over, and those that the reader
// has; it reads no more until it is rid of them.
func (c *conn) Hold(ctx context.Context, all []sources.Message) error {
	if time.Since(c.held) < holdEvery {
		return nil
	}
	if ahead := c.ahead.Load(); ahead != nil {
		all = slices.Concat(all, *ahead)
	}
	_, err := c.do(ctx, "XCLAIM", append(c.named(all, c.Consumer, 0), "JUSTID")...)
	c.held = time.Now()
	return err
}

// Lag returns how many entries the group has before it, where the server knows that (Redis 7).
func (c *conn) Lag(ctx context.Context) (uint64, error) {
	groups, err := redisio.Values(c.do(ctx, "XINFO", "GROUPS", c.Stream))
	if err != nil {
		return 0, err
	}
	for _, one := range groups {
		pairs, err := redisio.Values(one, nil)
		if err != nil {
			return 0, errors.Join(errAnswer, err)
		}
		group := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			name, _ := redisio.String(pairs[i], nil)
			group[name] = pairs[i+1]
		}
		if name, _ := redisio.String(group["name"], nil); name != c.Group {
			continue
		}
		lag, err := redisio.Uint64(group["lag"], nil)
		if err != nil {
			return 0, err
		}
		pending, err := redisio.Uint64(group["pending"], nil)
		return lag + pending, err
	}
	return 0, fmt.Errorf("the group %q is gone", c.Group)
}

// Close closes the connections. What was not acknowledged stays this consumer's, and is what it
// reads first the next time.
func (c *conn) Close() {
	c.stop()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.other.Close()
}
