package postgres

import (
	"net/url"
	"strings"
	"testing"

	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestValidate(t *testing.T) {
	at := func(url string) Options { return Options{Options: remote.Options{URL: url}, Table: "t"} }
	columns := func(pairs ...string) Options {
		o := Options{Table: "t", CreateTable: true, Columns: map[string]string{"delivery_id": "delivery_id"}}
		for i := 0; i < len(pairs); i += 2 {
			o.Columns[pairs[i]] = pairs[i+1]
		}
		return o
	}
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"all well":            {Options{Table: "shop.outbox", CreateTable: true}, ""},
		"its own columns":     {columns("uid", "{{ detail.id }}", "Data", "body"), ""},
		"no table":            {Options{}, "table: is missing: name the table to insert into"},
		"any table":           {Options{Table: "{{ source }}"}, "table: is the same for all events: it takes no expressions"},
		"another database":    {Options{Table: "a.b.c"}, `table: "a.b.c" is no name of a table: write name or schema.name`},
		"no schema":           {Options{Table: ".b"}, `table: "" is no name in Postgres: it must have 1 to 63 bytes`},
		"a long name":         {Options{Table: strings.Repeat("x", 64)}, `table: "xxx`},
		"no such value":       {columns("a", "evnt_id"), `columns.a: is "evnt_id": it must be one of delivery_id, event_id, bus, rule, source, detail_type, time, key, headers, body, or hold an {{ expression }} of the event (did you mean "event_id"?)`},
		"an open expression":  {columns("a", "{{ source"), "columns.a: a {{ is never closed"},
		"a secret":            {columns("a", "{{ source }}${KEY}"), "columns.a: takes no references to secrets"},
		"a column of readers": {columns("tx", "body"), "columns.tx: is a column that create_table makes"},
		"no id":               {columns("delivery_id", "event_id"), "columns: has 0 columns with delivery_id: it needs one"},
		"two ids":             {columns("a", "delivery_id"), "columns: has 2 columns with delivery_id: it needs one"},
		"another scheme":      {at("mysql://u@x/d"), `url: "mysql://***@x/d" is not an address: it must begin with postgres:// or postgresql://`},
		"no database":         {at("postgres://u@x"), "url: names no database"},
		"nobody":              {at("postgres://x/d"), "user: is missing: name who logs in"},
		"another setting":     {at("postgres://u@x/d?sslmode=require&options=-c"), "url: its query can hold sslmode and nothing else"},
		"no such mode":        {at("postgres://u@x/d?sslmode=prefer"), `url: its sslmode is "prefer": it must be one of disable, require, verify-full`},
		"a setting of no TLS": {Options{Table: "t", Options: remote.Options{URL: "postgres://u@x/d?sslmode=disable", TLS: remote.TLS{ServerName: "y"}}}, "tls: is not used with sslmode=disable"},
		"no such secret":      {Options{Table: "t", Login: remote.Login{User: "u", Password: "${NONE}"}}, "password: environment variable NONE is not set"},
	} {
		if tt.o.URL == "" {
			tt.o.URL = "postgres://u@x/d"
		}
		t.Run(name, func(t *testing.T) { targetstest.Faults(t, Kind(), &tt.o, targetstest.Vars("KEY", "k"), tt.want) })
	}
}

// TestSSLMode holds that only this machine is spoken to in the clear unless that is asked for.
func TestSSLMode(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://127.0.0.1/d": sslDisable, "postgres://[::1]/d": sslDisable, "postgres://localhost/d": sslDisable,
		"postgres://localhost.example/d": sslVerifyFull, "postgres://10.0.0.1/d": sslVerifyFull, "postgres://db/d?sslmode=disable": sslDisable,
		"postgres://127.0.0.1/d?sslmode=require": sslRequire,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if mode, secure := sslMode(u, remote.TLS{}); mode != want || secure != (want != sslDisable) {
			t.Errorf("%s: %s, %v, want %s", address, mode, secure, want)
		}
	}
}

func TestStatements(t *testing.T) {
	o := &Options{Columns: map[string]string{`a"b`: "delivery_id", "t": "time", "x": "{{ source }}"}}
	columns, err := o.columns()
	if err != nil {
		t.Fatal(err)
	}
	table := quote("shop", `out"box`)
	if got, want := insertSQL(table, columns), `INSERT INTO "shop"."out""box" ("a""b", "t", "x") VALUES ($1, $2, $3) ON CONFLICT ("a""b") DO NOTHING`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := createSQL(table, columns), `"a""b" text NOT NULL UNIQUE,`+"\n\t"+`"t" timestamptz NOT NULL,`+"\n\t"+`"x" text,`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
