package postgres

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signalbox/spelling"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// Kind returns the kind of target: type: postgres.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name: "postgres",
		Traits: targets.Traits{
			Batches: true,
			// As many rows as wait, in one transaction.
			Gather: &targets.Batch{MaxEvents: 100, MaxBytes: 1 << 20, MaxWait: new(time.Duration(0))},
		},
		Options: func() targets.Options { return new(Options) },
		New:     newTarget,
	}
}

var schemes = []string{"postgres", "postgresql"}

// Options are those of a target of type postgres.
type Options struct {
	// The path of URL is the database. Its query may hold sslmode: disable, require or
	// verify-full; the default is verify-full, and disable on this machine.
	remote.Options `yaml:",inline" example:"postgres://signalbox@127.0.0.1/shop"`
	// Login is who logs in; else URL says it.
	remote.Login `yaml:",inline"`
	// Table is where rows are put, as name or schema.name. It needs a unique index on the
	// column of the delivery's id.
	Table string `yaml:"table" required:"true" example:"events"`
	// Columns are what goes into each column: a name of the values, or a text with
	// {{ expressions }} of the event. By default there is a column for each of the values.
	Columns map[string]string `yaml:"columns" default:"" example:"{delivery_id: delivery_id, order_id: '{{ detail.orderId }}'}"`
	// CreateTable makes a table that does not exist.
	CreateTable bool `yaml:"create_table"`
}

// maxName is how long an identifier can be, in bytes: the server cuts longer ones.
const maxName = 63

// SetDefaults fills in what was left out.
func (o *Options) SetDefaults(c *targets.Config) {
	o.Options.SetDefaults()
	targets.SetDefault(&c.Concurrency, 8) // each with a connection, of which servers have 100
	if len(o.Columns) == 0 {
		o.Columns = map[string]string{}
		for _, v := range values {
			o.Columns[v.name] = v.name
		}
	}
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(_ *targets.Config, v *targets.Validation) {
	if u := o.Options.Validate(v, schemes...); u != nil {
		o.address(u, v)
	}
	o.Login.Validate(v)
	o.table(v)
	ids := 0
	for _, name := range slices.Sorted(maps.Keys(o.Columns)) {
		o.column(name, v)
		if o.Columns[name] == valueDeliveryID {
			ids++
		}
	}
	if ids != 1 {
		v.Fail([]string{"columns"}, "has %d columns with delivery_id: it needs one, by which the server knows what it has already", ids)
	}
}

func (o *Options) address(u *url.URL, v *targets.Validation) {
	field := []string{"url"}
	if database(u) == "" {
		v.Fail(field, "names no database: write it as the path, such as postgres://host/shop")
	}
	if u.User.Username() == "" && o.User == "" {
		v.Fail([]string{"user"}, "is missing: name who logs in")
	}
	for name := range u.Query() {
		if name != "sslmode" {
			v.Fail(field, "its query can hold sslmode and nothing else: write other settings as options of the target")
		}
	}
	mode, secure := sslMode(u, o.TLS)
	switch {
	case mode != sslDisable && mode != sslRequire && mode != sslVerifyFull:
		v.Fail(field, "its sslmode is %q: it must be one of %s, %s, %s", mode, sslDisable, sslRequire, sslVerifyFull)
	case !secure && o.TLS != (remote.TLS{}):
		v.Fail([]string{"tls"}, "is not used with sslmode=%s", sslDisable)
	case mode == sslRequire && o.TLS.CAFile != "":
		v.Fail([]string{"tls", "ca_file"}, "is not used with sslmode=%s, which trusts every certificate: write sslmode=%s", sslRequire, sslVerifyFull)
	}
}

// The modes of TLS, by the names of Postgres.
const (
	sslDisable    = "disable"
	sslRequire    = "require"
	sslVerifyFull = "verify-full"
)

// sslMode returns the mode of a URL, and whether it is one with TLS.
func sslMode(u *url.URL, t remote.TLS) (mode string, secure bool) {
	mode = u.Query().Get("sslmode")
	if mode == "" {
		mode = sslVerifyFull
		if addr, err := netip.ParseAddr(u.Hostname()); t == (remote.TLS{}) && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
			mode = sslDisable
		}
	}
	return mode, mode != sslDisable
}

// database returns the name of the database in a URL.
func database(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

func (o *Options) table(v *targets.Validation) {
	field := []string{"table"}
	parts := strings.Split(o.Table, ".")
	switch {
	case o.Table == "":
		v.Fail(field, "is missing: name the table to insert into")
	case strings.Contains(o.Table, "{{"), strings.Contains(o.Table, "${"):
		v.Fail(field, "is the same for all events: it takes no expressions and no references")
	case len(parts) > 2:
		v.Fail(field, "%q is no name of a table: write name or schema.name", o.Table)
	default:
		for _, part := range parts {
			checkName(v, field, part)
		}
	}
}

// checkName notes what is wrong with an identifier.
func checkName(v *targets.Validation, field []string, name string) {
	if name == "" || len(name) > maxName || strings.Contains(name, "\x00") || !utf8.ValidString(name) {
		v.Fail(field, "%q is no name in Postgres: it must have 1 to %d bytes of UTF-8", name, maxName)
	}
}

func (o *Options) column(name string, v *targets.Validation) {
	field := []string{"columns", name}
	checkName(v, field, name)
	if o.CreateTable && (name == columnTx || name == columnID) {
		v.Fail(field, "is a column that create_table makes for readers: choose another name")
	}
	text := o.Columns[name]
	known := valueNames()
	switch {
	case strings.Contains(text, "${"):
		v.Fail(field, "takes no references to secrets: it is shown")
	case template.Dynamic(text):
		if _, err := template.Parse(text, template.AsIs); err != nil {
			v.Fail(field, "%v", err)
		}
	case !slices.Contains(known, text):
		v.Fail(field, "is %q: it must be one of %s, or hold an {{ expression }} of the event%s", text, strings.Join(known, ", "), spelling.Suggest(text, known))
	}
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) {
	o.Options.Show(shown)
	shown["table"], shown["columns"] = o.Table, o.Columns
}
