// Package redis is the kind of target that adds to a stream of Redis.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// target adds each delivery to a stream, and has delivered it when the server has answered
// with the entry's id. An attempt has a connection to itself.
type target struct {
	dialer   *Dialer
	pool     remote.Pool[*Session]
	hidden   remote.Hidden
	stream   template.Name
	renderer *remote.Renderer
	timeout  time.Duration
	// options are the arguments of XADD between the key and the fields.
	options []any
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Small, env)
	if err != nil {
		return nil, err
	}
	t := &target{renderer: renderer, timeout: c.Timeout}
	if t.stream, err = template.ParseName("stream", o.Stream, maxKey); err != nil {
		return nil, err
	}
	var secrets []string
	if t.dialer, secrets, err = NewDialer(c.Name, c.Dir, o.Server(), &o.Login, env.Secrets, env.Egress); err != nil {
		return nil, err
	}
	t.dialer.Wrap = func(conn net.Conn) net.Conn { return &answers{Conn: conn} }
	t.pool = remote.Pool[*Session]{Dial: t.dialer.Dial, Check: check, Shut: shut}
	t.hidden = remote.NewHidden(append(secrets, renderer.Secrets()...))
	if !o.CreateStream {
		t.options = append(t.options, "NOMKSTREAM")
	}
	if o.MaxLen > 0 {
		t.options = append(t.options, "MAXLEN", "~", o.MaxLen)
	}
	t.options = append(t.options, "*")
	return t, nil
}

// entry is a delivery as it is added.
type entry struct {
	stream string
	// arguments are those of XADD.
	arguments []any
}

// entry makes the entry of a delivery, of what it renders into m.
func (t *target) entry(d *targets.Delivery, m *remote.Message) (*entry, error) {
	if err := t.renderer.RenderInto(m, d, time.Now()); err != nil {
		return nil, err
	}
	names, err := template.Names(d, t.stream)
	if err != nil {
		return nil, err
	}
	arguments := make([]any, 0, 1+len(t.options)+2*len(m.Fields)+2)
	arguments = append(append(arguments, names[0]), t.options...)
	for _, f := range m.Fields {
		arguments = append(arguments, f.Name, f.Value)
	}
	return &entry{names[0], append(arguments, fieldBody, m.Body)}, nil
}

// Deliver adds the delivery to the stream.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch adds the deliveries, each as an entry of its own, in one go.
func (t *target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	entries := make([]*entry, len(batch))
	fit := 0
	var m remote.Message
	for i, d := range batch {
		e, err := t.entry(d, &m)
		if each = targets.Note(each, len(batch), i, err); err == nil {
			entries[i] = e
			fit++
		}
	}
	if fit == 0 {
		return each, nil
	}
	s, err := t.pool.Get(ctx)
	if err != nil {
		return each, t.failed(ctx, "", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.raw.Close() })
	results, broken := add(s, entries)
	sound := broken == nil
	for i, err := range results {
		if err != nil {
			e := t.failed(ctx, entries[i].stream, err)
			sound = sound && !e.Final && e.Code != targets.CodeConnectionFailure // else the server ends it
			each = targets.Note(each, len(batch), i, e)
		}
	}
	if stop() && s.Err() == nil && sound {
		t.pool.Put(s)
	} else {
		t.pool.Drop(s)
	}
	if broken != nil {
		return each, t.failed(ctx, "", broken)
	}
	return each, nil
}

var errNoStream = errors.New("there is no such stream, and create_stream does not ask for it")

// add adds entries, some of which may be nil, and returns what the server said of each. Where
// they could not even be sent, it is broken.
func add(s *Session, entries []*entry) (results []error, broken error) {
	for _, e := range entries {
		if e == nil {
			continue
		}
		if err := s.Send("XADD", e.arguments...); err != nil {
			return nil, err
		}
	}
	if err := s.Flush(); err != nil {
		return nil, err
	}
	results = make([]error, len(entries))
	for i, e := range entries {
		if e == nil {
			continue
		}
		id, err := s.Receive()
		if err == nil && id == nil {
			err = errNoStream
		}
		results[i] = err
	}
	return results, nil
}

// failed is the error of an attempt whose entry the server has not confirmed.
func (t *target) failed(ctx context.Context, stream string, err error) *targets.Error {
	e := classify(ctx, err)
	if e.Err = err; e.Code == targets.CodeTimeout {
		e.Err = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	if stream != "" {
		stream = fmt.Sprintf(" to stream %q", stream)
	}
	e.Err = t.hidden.InError(fmt.Errorf("add%s on %s: %w", stream, t.dialer.Shown, e.Err))
	return e
}

// throttledFor is how long the target is left alone that has no room.
const throttledFor = time.Second

// classify returns what kind of failure an error is.
func classify(ctx context.Context, err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeConnectionFailure, Tries: 1}
	var answer redis.Error
	switch {
	case errors.Is(err, errNoStream):
		e.Code = targets.CodeNoResource
	case errors.As(err, &answer):
		e.Code, e.Final = codeOf(string(answer))
		if e.Code == targets.CodeThrottling {
			e.RetryAfter = throttledFor
		}
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code = targets.CodeInternalError
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		e.Code = targets.CodeTimeout
	}
	return e
}

// codes are the error codes of answers, by how those begin.
var codes = []struct{ begin, code string }{
	{"NOAUTH", targets.CodeNoPermissions},
	{"WRONGPASS", targets.CodeNoPermissions},
	{"NOPERM", targets.CodeNoPermissions},
	{"ERR AUTH", targets.CodeNoPermissions},
	{"WRONGTYPE", targets.CodeNoResource},
	{"MOVED", targets.CodeNoResource}, // of a cluster: another node has the stream
	{"ASK", targets.CodeNoResource},
	{"ERR DB index", targets.CodeNoResource},
	{"OOM", targets.CodeThrottling},
	{"MISCONF", targets.CodeThrottling}, // it can't write to its disk
	{"NOREPLICAS", targets.CodeThrottling},
	{"BUSY", targets.CodeThrottling},
	{"LOADING", targets.CodeThrottling},
	{"ERR max number of clients", targets.CodeThrottling},
	{"READONLY", targets.CodeConnectionFailure}, // no longer the one to write to
	{"MASTERDOWN", targets.CodeConnectionFailure},
	{"CLUSTERDOWN", targets.CodeConnectionFailure},
	{"ERR Protocol error", targets.CodeInvalidParameter},
}

// codeOf returns the error code for what the server says, and whether it is final.
func codeOf(answer string) (code string, final bool) {
	for _, c := range codes {
		if strings.HasPrefix(answer, c.begin) {
			return c.code, c.code == targets.CodeInvalidParameter
		}
	}
	return targets.CodeErrorFromTarget, false
}

// Preview renders the entry that Deliver adds.
func (t *target) Preview(d *targets.Delivery) (targets.Request, error) {
	var m remote.Message
	e, err := t.entry(d, &m)
	if err != nil {
		return targets.Request{}, err
	}
	return targets.Request{Method: "XADD", Address: t.hidden.In(fmt.Sprintf("stream %q", e.stream)), Headers: t.renderer.Preview(&m), Body: string(m.Body)}, nil
}

// Close closes the connections.
func (t *target) Close() error {
	t.pool.Close()
	return nil
}
