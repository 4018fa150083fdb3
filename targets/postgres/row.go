package postgres

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"signalbox/event"
	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// entry is a delivery from which a row is made.
type entry struct {
	*targets.Delivery
	event   *event.Event
	message *remote.Message
	// env is what expressions see; nil where there are none.
	env     *exprenv.Env
	headers map[string]string
	key     string
}

// value is what can go into a column.
type value struct {
	name string
	// typ is the type of its column in a table that create_table makes.
	typ string
	// of returns it for a delivery; nil is NULL.
	of func(e *entry) []byte
}

const valueDeliveryID = "delivery_id"

// values are what a column can be by its name.
var values = []value{
	{valueDeliveryID, "text NOT NULL UNIQUE", func(e *entry) []byte { return []byte(e.ID) }},
	{"event_id", "text NOT NULL", func(e *entry) []byte { return []byte(e.EventID) }},
	{"bus", "text NOT NULL", func(e *entry) []byte { return []byte(e.Bus) }},
	{"rule", "text NOT NULL", func(e *entry) []byte { return []byte(e.Rule) }},
	{"source", "text NOT NULL", func(e *entry) []byte { return []byte(e.event.Source) }},
	{"detail_type", "text NOT NULL", func(e *entry) []byte { return []byte(e.event.DetailType) }},
	{"time", "timestamptz NOT NULL", func(e *entry) []byte { return e.event.Time.AppendFormat(nil, time.RFC3339Nano) }},
	{"key", "text", func(e *entry) []byte { return append([]byte(nil), e.key...) }},
	{"headers", "jsonb NOT NULL", func(e *entry) []byte { out, _ := json.Marshal(e.headers); return out }},
	{"body", "jsonb NOT NULL", func(e *entry) []byte { return e.message.Body }},
}

func valueNames() (names []string) {
	for _, v := range values {
		names = append(names, v.name)
	}
	return names
}

// column is one column of each row: a value, or an expression of the event.
type column struct {
	name string
	value
	text template.Text
}

// columns returns the columns of the options, in the order of their names.
func (o *Options) columns() ([]column, error) {
	var out []column
	for _, name := range slices.Sorted(maps.Keys(o.Columns)) {
		c := column{name: name, value: value{typ: "text"}}
		if i := slices.Index(valueNames(), o.Columns[name]); i >= 0 {
			c.value = values[i]
		} else {
			var err error
			if c.text, err = template.Parse(o.Columns[name], template.AsIs); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// row returns what goes into each column; nil is NULL. Its error is an *Error.
func (e *entry) row(columns []column) ([][]byte, error) {
	out := make([][]byte, len(columns))
	for i, c := range columns {
		if c.of != nil {
			out[i] = c.of(e)
			continue
		}
		text, has, err := c.text.Render(e.env, func(value string) string { return value })
		if err != nil {
			return nil, template.Unfit("columns."+c.name, err)
		}
		if has {
			out[i] = []byte(text)
		}
	}
	return out, nil
}

func quote(name ...string) string { return pgx.Identifier(name).Sanitize() }

// insertSQL returns the statement that puts one row into a table, unless it is there.
func insertSQL(table string, columns []column) string {
	var names, params []string
	id := ""
	for i, c := range columns {
		names = append(names, quote(c.name))
		params = append(params, "$"+strconv.Itoa(i+1))
		if c.value.name == valueDeliveryID {
			id = quote(c.name)
		}
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(params, ", ") + ") ON CONFLICT (" + id + ") DO NOTHING"
}

// The columns by which readers of a table that create_table makes continue: the transaction,
// which is known before it has a number in the row, and that number.
const (
	columnTx = "tx"
	columnID = "id"
)

// createSQL returns the statements that make a table. The lock, whose number nobody else uses, is
// for two that make it at once.
func createSQL(table string, columns []column) string {
	lines := []string{columnTx + " xid8 NOT NULL DEFAULT pg_current_xact_id()", columnID + " bigint GENERATED ALWAYS AS IDENTITY"}
	for _, c := range columns {
		lines = append(lines, quote(c.name)+" "+c.typ)
	}
	lines = append(lines, "PRIMARY KEY ("+columnTx+", "+columnID+")")
	return "SELECT pg_advisory_xact_lock(8247311056430127);\nCREATE TABLE IF NOT EXISTS " + table + " (\n\t" + strings.Join(lines, ",\n\t") + "\n)"
}
