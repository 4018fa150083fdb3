// Package postgres is the kind of target that puts rows into a table of PostgreSQL, each
// delivery once.
package postgres

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// target puts each delivery into a table, and has delivered it when the transaction has been
// committed. An attempt has a connection to itself.
type target struct {
	dialer   *dialer
	pool     remote.Pool[*pgconn.PgConn]
	hidden   remote.Hidden
	renderer *remote.Renderer
	timeout  time.Duration

	table   string // quoted
	columns []column
	insert  string
	// create makes the table; empty where nobody asks for it.
	create string
	// key is the ordering key; nil where there is no order.
	key *exprenv.OrderKey
	// expressions means that a column, or the key, has them.
	expressions bool
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Small, env)
	if err != nil {
		return nil, err
	}
	t := &target{renderer: renderer, timeout: c.Timeout, table: quote(strings.Split(o.Table, ".")...)}
	if t.columns, err = o.columns(); err != nil {
		return nil, err
	}
	t.insert = insertSQL(t.table, t.columns)
	if o.CreateTable {
		t.create = createSQL(t.table, t.columns)
	}
	if c.OrderBy != "" {
		if t.key, err = exprenv.CompileOrderKey(c.OrderBy); err != nil {
			return nil, err
		}
	}
	t.expressions = t.key != nil || slices.ContainsFunc(t.columns, func(c column) bool { return c.of == nil })
	var secrets []string
	if t.dialer, secrets, err = newDialer(c, o, env); err != nil {
		return nil, err
	}
	t.pool = remote.Pool[*pgconn.PgConn]{Dial: t.dialer.dial, Check: func(ctx context.Context, c *pgconn.PgConn) error { return c.Ping(ctx) }, Shut: t.dialer.shut}
	t.hidden = remote.NewHidden(append(secrets, renderer.Secrets()...))
	return t, nil
}

// entry reads a delivery. Its error is an *Error.
func (t *target) entry(d *targets.Delivery) (e *entry, err error) {
	e = &entry{Delivery: d, headers: map[string]string{}}
	if e.message, err = t.renderer.Render(d, time.Now()); err != nil {
		return nil, err
	}
	for _, f := range e.message.Fields {
		e.headers[f.Name] = f.Value
	}
	if e.event, err = d.Event(); err != nil {
		return nil, err
	}
	e.key = e.event.Meta.PartitionKey
	if t.expressions {
		if e.env, err = exprenv.New(e.event); err != nil {
			return nil, template.Unfit("the event", err)
		}
	}
	if t.key != nil {
		e.key, _ = t.key.Of(e.env) // of an event that carries a reference there may be none
	}
	return e, nil
}

// row makes the row of a delivery. Its error is an *Error.
func (t *target) row(d *targets.Delivery) ([][]byte, error) {
	e, err := t.entry(d)
	if err != nil {
		return nil, err
	}
	return e.row(t.columns)
}

// Deliver puts the delivery into the table.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch puts the deliveries into the table in one transaction, without those that the
// server refuses.
func (t *target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	rows := make([]row, 0, len(batch))
	for i, d := range batch {
		values, err := t.row(d)
		if each = targets.Note(each, len(batch), i, err); err == nil {
			rows = append(rows, row{i, values})
		}
	}
	if len(rows) == 0 {
		return each, nil
	}
	conn, err := t.pool.Get(ctx)
	if err != nil {
		return each, t.failed(ctx, err)
	}
	err = t.put(ctx, conn, rows, func(r row, err error) {
		each = targets.Note(each, len(batch), r.delivery, t.failed(ctx, err))
	})
	if conn.IsClosed() || answerOf(err).Code == readOnly {
		t.pool.Drop(conn)
	} else {
		t.pool.Put(conn)
	}
	if err != nil {
		return each, t.failed(ctx, err)
	}
	return each, nil
}

// put puts rows in, and makes the table where there is none and it is asked to.
func (t *target) put(ctx context.Context, c *pgconn.PgConn, rows []row, refuse func(row, error)) error {
	err := t.putAll(ctx, c, rows, refuse)
	if t.create == "" || answerOf(err).Code != undefinedTable {
		return err
	}
	if _, err := c.Exec(ctx, t.create).ReadAll(); err != nil {
		return err
	}
	return t.putAll(ctx, c, rows, refuse)
}

// putAll puts rows in. One that the server refuses costs no other: those before it, which the
// server had taken, go again without it, and those behind it after them.
func (t *target) putAll(ctx context.Context, c *pgconn.PgConn, rows []row, refuse func(row, error)) error {
	for len(rows) > 0 {
		at, err := insert(ctx, c, t.insert, rows)
		if err == nil {
			return nil
		}
		if _, row := codeOf(answerOf(err)); !row || at < 0 || at == len(rows) {
			return err
		}
		refuse(rows[at], err)
		if err := t.putAll(ctx, c, rows[:at], refuse); err != nil {
			return err
		}
		rows = rows[at+1:]
	}
	return nil
}

// Preview renders the row that Deliver puts in, as a JSON object.
func (t *target) Preview(d *targets.Delivery) (targets.Request, error) {
	e, err := t.entry(d)
	if err != nil {
		return targets.Request{}, err
	}
	e.headers = t.renderer.Preview(e.message)
	values, err := e.row(t.columns)
	if err != nil {
		return targets.Request{}, err
	}
	shown := map[string]any{}
	for i, c := range t.columns {
		if value := values[i]; value == nil || strings.HasPrefix(c.typ, "jsonb") && json.Valid(value) {
			shown[c.name] = json.RawMessage(value) // nil is null
		} else {
			shown[c.name] = string(value)
		}
	}
	body, err := json.Marshal(shown)
	return targets.Request{Method: "INSERT", Address: "table " + t.table, Body: string(body)}, err
}

// Close closes the connections, and returns when they are closed.
func (t *target) Close() error {
	t.pool.Close()
	t.dialer.closing.Wait()
	return nil
}
