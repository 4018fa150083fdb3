package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"go.uber.org/goleak"

	"signalbox/auth/authtest"
	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a server, and the test that uses it.
type server struct {
	*servers.Postgres
	t testing.TB
}

// with returns the server for a part of the test.
func (s *server) with(t *testing.T) *server { return &server{s.Postgres, t} }

// TestPostgres has one server for its parts, each of which begins without tables.
func TestPostgres(t *testing.T) {
	s := &server{servers.StartPostgres(t), t}
	for _, part := range []struct {
		name string
		test func(*testing.T, *server)
	}{
		{"insert", testInsert}, {"refused", testRefused}, {"failures", testFailures}, {"environment", testEnvironment},
		{"secrets", testSecrets}, {"reader", testReader}, {"killed under load", testKilled}, {"TLS", testTLS},
	} {
		s.do("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
		t.Run(part.name, func(t *testing.T) { part.test(t, s.with(t)) })
	}
}

// connect opens a connection of the test's own.
func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(context.Background(), "postgres://postgres:sesame@"+s.Address+"/postgres?sslmode=disable")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// do runs a statement.
func (s *server) do(sql string) {
	s.t.Helper()
	c := s.connect()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	_ = c.Close(context.Background())
}

// rows returns the rows of a query, each as one text.
func (s *server) rows(query string) []string {
	s.t.Helper()
	c := s.connect()
	defer c.Close(context.Background())
	found, err := c.Query(context.Background(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// ids returns the delivery ids of a table, in the order of readers.
func (s *server) ids(table string) []string {
	return s.rows("SELECT delivery_id FROM " + table + " ORDER BY tx, id")
}

// open opens a target of the server.
func (s *server) open(change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	s.t.Helper()
	o := &Options{
		Options: remote.Options{URL: "postgres://" + s.Address + "/postgres"}, Login: remote.Login{User: "postgres", Password: "sesame"},
		Table: "outbox", CreateTable: true,
	}
	c := targets.Config{Options: o, Timeout: 5 * time.Second}
	if change != nil {
		change(&c, o)
	}
	c.SetDefaults()
	return targetstest.Open(s.t, Kind(), c, env).(targets.BatchTarget)
}

func only(change func(*Options)) func(*targets.Config, *Options) {
	return func(_ *targets.Config, o *Options) { change(o) }
}

func mustDeliver(t *testing.T, target targets.BatchTarget, batch ...*targets.Delivery) {
	t.Helper()
	if each, whole := target.DeliverBatch(t.Context(), batch); each != nil || whole != nil {
		t.Fatal(each, whole)
	}
}

// about returns a delivery of an event with another detail.
func about(id, detail string) *targets.Delivery {
	d := targetstest.Delivery()
	d.ID = id
	before, _, _ := strings.Cut(targetstest.Envelope, `"detail":`)
	d.Envelope = []byte(before + `"detail":` + detail + "}")
	return d
}

func testInsert(t *testing.T, s *server) {
	t.Run("a row", func(t *testing.T) {
		target := s.open(only(func(o *Options) { o.Headers = map[string]string{"X-Team": "blue"} }), targets.Env{})
		d := targetstest.Delivery()
		d.Meta = &event.Metadata{CorrelationID: "c-1", PartitionKey: "p"}
		mustDeliver(t, target, d)
		got := s.rows(`SELECT concat_ws('|', delivery_id, event_id, bus, rule, source, detail_type, time AT TIME ZONE 'UTC', key,
			headers->>'x-team', headers->>'x-correlation-id', headers->>'content-type', body->'detail'->>'orderId') FROM outbox`)
		want := d.ID + "|" + d.EventID + "|default|orders|shop.orders|OrderCreated|2026-03-04 05:06:07|p|blue|c-1|" + remote.ContentTypeJSON + "|1"
		if len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a preview", func(t *testing.T) {
		target := s.open(only(func(o *Options) { o.Headers = map[string]string{"X-Team": "${KEY}"} }), targets.Env{Secrets: targetstest.Vars("KEY", "blue-secret")})
		p, err := target.Preview(targetstest.Delivery())
		var row struct {
			Time    time.Time
			Key     *string
			Headers map[string]string
			Body    json.RawMessage
		}
		if err := json.Unmarshal([]byte(p.Body), &row); err != nil {
			t.Fatal(err)
		}
		if err != nil || p.Method != "INSERT" || p.Address != `table "outbox"` || row.Time.Year() != 2026 || row.Key != nil ||
			row.Headers["x-team"] != "***" || len(row.Headers) < 5 || !strings.Contains(string(row.Body), "orderId") {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("each delivery once, in the order of the batch", func(t *testing.T) {
		target := s.open(only(func(o *Options) { o.Table = "once" }), targets.Env{})
		batch := targetstest.BatchOf(500)
		for range 2 {
			mustDeliver(t, target, append(batch, batch[7])...)
		}
		if got := s.ids("once"); strings.Join(got, ",") != targetstest.IDs(batch) {
			t.Errorf("%d rows: %.300v", len(got), got)
		}
	})
	t.Run("columns of the event", func(t *testing.T) {
		s.do(`CREATE SCHEMA shop; CREATE TABLE shop."Orders; --" (uid text PRIMARY KEY, "order" int, vip bool, tags text[], note text DEFAULT 'x', lines jsonb, k text)`)
		target := s.open(func(c *targets.Config, o *Options) {
			c.OrderBy = "detail.order"
			o.Table, o.CreateTable = "shop.Orders; --", false
			o.Columns = map[string]string{
				"uid": "delivery_id", "order": "{{ detail.order }}", "vip": "{{ detail.vip }}", "tags": "{{ detail.tags }}", "note": "{{ detail.note }}",
				"lines": "{{ detail.lines }}", "k": "key",
			}
		}, targets.Env{})
		mustDeliver(t, target, about("a", `{"order":7,"vip":true,"tags":"{a,b}","lines":[{"n":1}],"note":"it's \"x\" $1"}`), about("b", `{"order":8}`))
		got := s.rows(`SELECT row(uid, "order", vip, tags[2], note, lines, k)::text FROM shop."Orders; --" ORDER BY 1`)
		want := `(a,7,t,b,"it's ""x"" $1","[{""n"": 1}]",7) (b,8,,,,,8)`
		if strings.Join(got, " ") != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("a body that is no JSON", func(t *testing.T) {
		s.do(`CREATE TABLE texts (delivery_id text UNIQUE, body text)`)
		target := s.open(only(func(o *Options) {
			o.Table, o.Columns = "texts", map[string]string{"delivery_id": "delivery_id", "body": "body"}
		}), targets.Env{})
		d := targetstest.Delivery()
		d.Body = []byte("hello, 'world'")
		mustDeliver(t, target, d)
		if got := s.rows("SELECT body FROM texts"); len(got) != 1 || got[0] != "hello, 'world'" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a CloudEvent", func(t *testing.T) {
		target := s.open(only(func(o *Options) { o.Table, o.Format = "cloud", remote.FormatCloudEventsBinary }), targets.Env{})
		mustDeliver(t, target, targetstest.Delivery())
		if got := s.rows("SELECT concat_ws('|', headers->>'ce-type', headers->>'ce-specversion', body->>'orderId') FROM cloud"); len(got) != 1 || got[0] != "OrderCreated|1.0|1" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a table that eight make at once, and again when it is gone", func(t *testing.T) {
		target := s.open(only(func(o *Options) { o.Table = "made" }), targets.Env{})
		for range 2 {
			done := make(chan error)
			for i := range 8 {
				go func() { done <- target.Deliver(t.Context(), about(fmt.Sprint(i), "{}")) }()
			}
			for range 8 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if n := len(s.ids("made")); n != 8 {
				t.Errorf("%d rows, want 8", n)
			}
			s.do("DROP TABLE made")
		}
	})
}

// testRefused holds that what the server refuses of a batch costs nothing else.
func testRefused(t *testing.T, s *server) {
	s.do(`
		CREATE TABLE parents (id int PRIMARY KEY);
		CREATE TABLE strict (delivery_id text UNIQUE, n int NOT NULL CHECK (n > 0), parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED, k text, body jsonb); CREATE INDEX ON strict (k);
		CREATE FUNCTION grumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 13 THEN RAISE 'not thirteen'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER grumble BEFORE INSERT ON strict FOR EACH ROW EXECUTE FUNCTION grumble();
		CREATE ROLE writer LOGIN PASSWORD 'writer-secret'; GRANT INSERT, SELECT (delivery_id) ON strict TO writer; GRANT SELECT ON parents TO writer;
		CREATE POLICY small ON strict FOR INSERT TO writer WITH CHECK (n IS DISTINCT FROM 100); CREATE POLICY seen ON strict FOR SELECT USING (true); ALTER TABLE strict ENABLE ROW LEVEL SECURITY`)
	target := s.open(only(func(o *Options) {
		o.User, o.Password, o.Table, o.CreateTable = "writer", "writer-secret", "strict", false
		o.Columns = map[string]string{"delivery_id": "delivery_id", "n": "{{ detail.n }}", "parent": "{{ detail.parent }}", "k": "{{ detail.k }}", "body": "body"}
	}), targets.Env{})
	var long string // which does not become short when it is compressed
	for i := range 200 {
		long += fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)}))
	}
	for name, tt := range map[string]struct {
		detail, code, want string
	}{
		"a check":               {`{"n":0}`, "INVALID_PARAMETER!", "violates check constraint"},
		"no value":              {`{}`, "INVALID_PARAMETER!", `null value in column "n"`},
		"no number":             {`{"n":"x"}`, "INVALID_PARAMETER!", `invalid input syntax for type integer: "x"`},
		"a trigger":             {`{"n":13}`, "ERROR_FROM_TARGET", "not thirteen (SQLSTATE P0001)"},
		"a policy":              {`{"n":100}`, "NO_PERMISSIONS", "violates row-level security policy"},
		"NUL in JSON":           {`{"n":1,"s":"a\u0000b"}`, "INVALID_PARAMETER!", `(SQLSTATE 22P05): text and jsonb can't hold the character NUL (\u0000); let the rule's transform remove it`},
		"half a surrogate":      {`{"n":1,"s":"\ud800"}`, "INVALID_PARAMETER!", "SQLSTATE 22P0"},
		"too long for an index": {`{"n":1,"k":"` + long + `"}`, "INVALID_PARAMETER!", "index row requires"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			s.do("TRUNCATE strict")
			batch := []*targets.Delivery{about("1", `{"n":1}`), about("2", tt.detail), about("3", `{"n":3}`), about("4", tt.detail), about("5", tt.detail), about("6", `{"n":6}`)}
			for range 2 {
				each, whole := target.DeliverBatch(t.Context(), batch)
				want := "- " + tt.code + " - " + tt.code + " " + tt.code + " -"
				if got := targetstest.Codes(t, each); whole != nil || got != want {
					t.Fatalf("got %s, %v, want %s", got, whole, want)
				}
				if text := each[1].Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "writer-secret") {
					t.Errorf("got %s", text)
				}
			}
			if got := s.rows("SELECT string_agg(delivery_id, ' ' ORDER BY delivery_id) FROM strict"); got[0] != "1 3 6" {
				t.Errorf("there are %s", got)
			}
		})
	}
	t.Run("only when it is all done", func(t *testing.T) { // the lane sends its parts
		_, whole := target.DeliverBatch(t.Context(), []*targets.Delivery{about("1", `{"n":1}`), about("2", `{"n":1,"parent":7}`)})
		if e := targetstest.Error(t, whole); !e.Final || !strings.Contains(e.Error(), "violates foreign key constraint") {
			t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
		}
		mustDeliver(t, target, about("1", `{"n":1}`))
	})
	t.Run("NUL in a text", func(t *testing.T) {
		target := s.open(only(func(o *Options) {
			o.Columns = map[string]string{"delivery_id": "delivery_id", "s": "{{ detail.s }}"}
			o.Table = "nul"
		}), targets.Env{})
		each, whole := target.DeliverBatch(t.Context(), []*targets.Delivery{about("1", `{"s":"x"}`), about("2", `{"s":"a\u0000b"}`)})
		if got := targetstest.Codes(t, each); whole != nil || got != "- INVALID_PARAMETER!" || !strings.Contains(each[1].Error(), "the character NUL") {
			t.Errorf("got %s, %v, %v", got, whole, each)
		}
		s.do(`CREATE TABLE as_written (delivery_id text UNIQUE, body json)`)
		mustDeliver(t, s.open(only(func(o *Options) {
			o.Table, o.Columns = "as_written", map[string]string{"delivery_id": "delivery_id", "body": "body"}
		}), targets.Env{}), about("2", `{"s":"a\u0000b"}`))
	})
}

func testFailures(t *testing.T, s *server) {
	s.do(`CREATE TABLE outbox (delivery_id text); CREATE TABLE other (uid text UNIQUE); CREATE ROLE reader LOGIN PASSWORD 'reader-secret';
		CREATE TABLE mine (delivery_id text UNIQUE); CREATE ROLE frozen LOGIN PASSWORD 'frozen-secret'; ALTER ROLE frozen SET default_transaction_read_only = on; GRANT ALL ON mine TO frozen;
		CREATE ROLE single LOGIN PASSWORD 'single-secret' CONNECTION LIMIT 0`)
	for name, tt := range map[string]struct {
		change func(*Options)
		code   string
		want   string
	}{
		"no table":          {func(o *Options) { o.Table = "nothing" }, targets.CodeNoResource, `relation "nothing" does not exist (SQLSTATE 42P01)`},
		"no schema":         {func(o *Options) { o.Table = "shop.orders" }, targets.CodeNoResource, `relation "shop.orders" does not exist`},
		"no schema to make": {func(o *Options) { o.Table, o.CreateTable = "nowhere.orders", true }, targets.CodeNoResource, `schema "nowhere" does not exist`},
		"no column":         {func(o *Options) { o.Table = "other" }, targets.CodeNoResource, `column "delivery_id" of relation "other" does not exist`},
		"no unique index":   {func(*Options) {}, targets.CodeNoResource, "(SQLSTATE 42P10): the column of delivery_id needs a unique index"},
		"no database":       {func(o *Options) { o.URL = strings.TrimSuffix(o.URL, "postgres") + "none" }, targets.CodeNoResource, `database "none" does not exist`},
		"no right":          {func(o *Options) { o.Table, o.User, o.Password = "mine", "reader", "reader-secret" }, targets.CodeNoPermissions, "permission denied for table mine"},
		"no login":          {func(o *Options) { o.Password = "wrong-secret" }, targets.CodeNoPermissions, "password authentication failed"},
		"no password":       {func(o *Options) { o.Password = "" }, targets.CodeNoPermissions, "password authentication failed"},
		"a standby":         {func(o *Options) { o.Table, o.User, o.Password = "mine", "frozen", "frozen-secret" }, targets.CodeConnectionFailure, "read-only transaction (SQLSTATE 25006)"},
		"too many":          {func(o *Options) { o.User, o.Password = "single", "single-secret" }, targets.CodeThrottling, "too many connections"},
		"no TLS":            {func(o *Options) { o.URL += "?sslmode=require" }, targets.CodeConnectionFailure, "it has no TLS; if the network can be trusted, write ?sslmode=disable"},
		"nobody there":      {func(o *Options) { o.URL = fmt.Sprintf("postgres://127.0.0.1:%d/x", servers.FreePort(t)) }, targets.CodeConnectionFailure, "refused"},
		"a name of nobody":  {func(o *Options) { o.URL = "postgres://nobody.invalid/x?sslmode=disable" }, targets.CodeConnectionFailure, "nobody.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			target := s.with(t).open(only(func(o *Options) {
				o.Columns, o.CreateTable = map[string]string{"delivery_id": "delivery_id"}, false
				tt.change(o)
			}), targets.Env{})
			for range 2 {
				each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(3))
				e := targetstest.Error(t, whole)
				if e.Code != tt.code || e.Final || each != nil || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "-secret") {
					t.Errorf("got %s, final %v: %v, %v", e.Code, e.Final, e, each)
				}
				if throttled := e.Code == targets.CodeThrottling; throttled != (e.RetryAfter > 0) {
					t.Errorf("it may come again after %v", e.RetryAfter)
				}
			}
		})
	}
	t.Run("it is broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, s.open(nil, targets.Env{}).Deliver(ctx, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("got %v", e)
		}
	})
	t.Run("somebody keeps the table", func(t *testing.T) {
		target := s.open(func(c *targets.Config, o *Options) { c.Timeout, o.Table = 300*time.Millisecond, "kept" }, targets.Env{})
		mustDeliver(t, target, about("1", "{}"))
		c := s.connect()
		if _, err := c.Exec(t.Context(), "BEGIN; LOCK kept"); err != nil {
			t.Fatal(err)
		}
		if e := targetstest.Error(t, target.Deliver(t.Context(), about("2", "{}"))); e.Code != targets.CodeTimeout || e.Final {
			t.Errorf("got %s: %v", e.Code, e)
		}
		if _, err := c.Exec(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		mustDeliver(t, target, about("2", "{}"), about("3", "{}"))
		if got := s.ids("kept"); strings.Join(got, " ") != "1 2 3" {
			t.Errorf("there are %s", got)
		}
	})
}

// testEnvironment: it has no word in where events go, and how.
func testEnvironment(t *testing.T, s *server) {
	s.do(`CREATE TABLE settings (delivery_id text UNIQUE, said text DEFAULT concat_ws('|', current_setting('application_name'),
		current_setting('statement_timeout'), current_setting('client_encoding'), current_setting('search_path')))`)
	t.Run("is full", func(t *testing.T) { testOthersEnvironment(t, s.with(t)) })
	if got, want := strings.Join(s.rows("SELECT said FROM settings"), "\n"), `signalbox-warehouse|5s|UTF8|"$user", public`; got != want {
		t.Errorf("the session has %q, want %q", got, want)
	}
}

func testOthersEnvironment(t *testing.T, s *server) {
	home := t.TempDir()
	file := func(name, text string) string {
		path := home + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, value := range map[string]string{
		"HOME": home, "PGHOST": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "other", "PGUSER": "other", "PGPASSWORD": "other", "PGPASSFILE": file("pass", "*:*:*:*:sesame\n"),
		"PGOPTIONS": "-c default_transaction_read_only=on", "PGAPPNAME": "other", "PGTZ": "x", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/none", "PGSSLCERT": "/none", "PGSSLKEY": "/none",
		"PGSSLNEGOTIATION": "direct", "PGSSLCERTMODE": "require", "PGTARGETSESSIONATTRS": "standby", "PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require",
		"PGMINPROTOCOLVERSION": "3.2", "PGCONNECT_TIMEOUT": "x", "PGSERVICEFILE": file("service", "[other]\nhost=192.0.2.1\nport=1\nuser=other\nsearch_path=other\nsslmode=verify-full\nsslrootcert=/none\n"), "PGSERVICE": "other",
	} {
		t.Setenv(name, value)
	}
	columns := map[string]string{"delivery_id": "delivery_id"}
	mustDeliver(t, s.open(only(func(o *Options) { o.Table, o.Columns = "settings", columns }), targets.Env{}), targetstest.Delivery())
	if e := targetstest.Error(t, s.open(only(func(o *Options) { o.Password = "" }), targets.Env{}).Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeNoPermissions {
		t.Errorf("it has a password of a file: %v", e)
	}
	t.Setenv("PGSERVICE", "nobody")
	c := targets.Config{Options: &Options{Options: remote.Options{URL: "postgres://x/y"}, Login: remote.Login{User: "u"}, Table: "t"}}
	if _, err := targets.New(targetstest.Named(Kind(), c), targets.Env{}); err == nil || !strings.Contains(err.Error(), "PGSERVICE in the environment names a service") {
		t.Errorf("got %v", err)
	}
}

func testTLS(t *testing.T, s *server) {
	dir := t.TempDir()
	ca := authtest.NewCA(t)
	ca.Write(dir, time.Hour)
	file := func(name string) string { return dir + "/" + name }
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		text, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		s.Write("data/"+name, text)
	}
	s.Write("data/pg_hba.conf", []byte("hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n"))
	s.Write("data/postgresql.auto.conf", []byte("ssl = on\nssl_cert_file = 'tls.crt'\nssl_key_file = 'tls.key'\nssl_ca_file = 'ca.crt'\n"))
	s.Kill()
	s.Start()
	if err := os.WriteFile(file("other.crt"), authtest.NewCA(t).PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	pair := remote.TLS{CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")}
	alone := remote.TLS{CertFile: pair.CertFile, KeyFile: pair.KeyFile}
	other := pair
	other.CAFile = file("other.crt")
	named := pair
	named.ServerName = "shop.example"
	for name, tt := range map[string]struct {
		mode string
		tls  remote.TLS
		code string
		want string
	}{
		"all well":          {"", pair, "", ""},
		"any certificate":   {"?sslmode=require", alone, "", ""},
		"no certificate":    {"", remote.TLS{CAFile: file("ca.crt")}, targets.CodeNoPermissions, "requires a valid client certificate"},
		"another authority": {"", other, targets.CodeConnectionFailure, "certificate signed by unknown authority"},
		"another name":      {"", named, targets.CodeConnectionFailure, "not shop.example"},
		"no authority":      {"?sslmode=verify-full", alone, targets.CodeConnectionFailure, "certificate signed by unknown authority"},
		"in the clear":      {"?sslmode=disable", remote.TLS{}, targets.CodeNoPermissions, "no encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			target := s.with(t).open(only(func(o *Options) { o.URL, o.TLS = o.URL+tt.mode, tt.tls }), targets.Env{})
			err := target.Deliver(t.Context(), targetstest.Delivery())
			if tt.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := targetstest.Error(t, err); e.Code != tt.code || e.Final || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("got %s: %v, want %s", e.Code, e, tt.want)
			}
		})
	}
}

// testSecrets is hidden.
func testSecrets(t *testing.T, s *server) {
	target := s.open(only(func(o *Options) {
		o.URL = "postgres://someone-secret:${KEY}@" + s.Address + "/pass-word-1"
		o.User, o.Password = "", ""
	}), targets.Env{Secrets: targetstest.Vars("KEY", "pass-word-1")})
	if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); strings.Contains(e.Error(), "pass-word-1") || !strings.Contains(e.Error(), "***@"+s.Address) {
		t.Errorf("got %v", e)
	}
}

// TestHostileServers answer what no server does.
func TestHostileServers(t *testing.T) {
	var login, parameters []byte
	for _, m := range []pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'}} {
		login, _ = m.Encode(login)
	}
	parameters, _ = (&pgproto3.ParameterStatus{Name: "x", Value: strings.Repeat("x", 64<<10)}).Encode(nil)
	clear, _ := (&pgproto3.AuthenticationCleartextPassword{}).Encode(nil)
	errorBytes, _ := (&pgproto3.ErrorResponse{Severity: "ERROR", Code: "22000", Message: strings.Repeat("x", 100_000)}).Encode(nil)
	for name, tt := range map[string]struct {
		login, answer []byte
		want          string
	}{
		"no login":               {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, ""},
		"the password, in clear": {clear, nil, "require_auth"},
		"half a message":         {login, []byte{'T', 0, 0, 0, 200, 1}, ""},
		"a message too long":     {login, []byte{'E', 0x7f, 0xff, 0xff, 0xff}, "invalid body length"},
		"a length below zero":    {login, []byte{'E', 0xff, 0xff, 0xff, 0xff}, ""},
		"no message":             {login, []byte{0xff, 0, 0, 0, 4}, ""},
		"more and more":          {login, parameters, "longer than that of any server"},
		"errors":                 {login, errorBytes, ""},
		"ready":                  {login, login[len(login)-6:], ""},
		"silence":                {login, []byte{}, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			address := targetstest.Serve(t, func(c net.Conn) { answer(t.Context(), c, tt.login, tt.answer) })
			s := &server{&servers.Postgres{Address: address}, t}
			target := s.open(func(c *targets.Config, o *Options) { c.Timeout = time.Second }, targets.Env{})
			each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(3))
			if whole == nil && each == nil {
				t.Fatal("it was taken")
			}
			if whole != nil {
				if e := targetstest.Error(t, whole); len(e.Error()) > 3000 || !strings.Contains(e.Error(), tt.want) {
					t.Errorf("got %s: %.1000s", e.Code, e)
				}
			}
		})
	}
}

// answer is a server that logs in whoever comes, and says the same again and again.
func answer(ctx context.Context, c net.Conn, login, text []byte) {
	_, _ = c.Read(make([]byte, 1<<10))
	if _, err := c.Write(login); err != nil || text == nil {
		return
	}
	_, _ = c.Read(make([]byte, 1<<10))
	for range 1000 {
		if _, err := c.Write(text); err != nil {
			return
		}
	}
	if len(text) == 0 {
		<-ctx.Done()
	}
}

// testReader reads as docs/targets.md tells, while others write: each row once.
func testReader(t *testing.T, s *server) {
	target := s.open(nil, targets.Env{})
	mustDeliver(t, target, about("first", "{}"))
	const writers, batches = 4, 25
	done := make(chan error, writers)
	for w := range writers {
		go func() {
			var err error
			for n := 0; n < batches && err == nil; n++ {
				batch := targetstest.BatchOf(5)
				for i, d := range batch {
					d.ID = fmt.Sprintf("%d-%d-%d", w, n, i)
				}
				_, err = target.DeliverBatch(t.Context(), batch)
			}
			done <- err
		}()
	}
	c := s.connect()
	tx, id, left := "0", int64(0), writers
	seen := map[string]int{}
	for more := true; more; {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Error(err)
			}
		default:
		}
		found, err := c.Query(t.Context(), `SELECT tx::text, id, delivery_id FROM outbox
			WHERE (tx, id) > ($1::text::xid8, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())
			ORDER BY tx, id LIMIT 50`, tx, id)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var delivery string
		if _, err := pgx.ForEachRow(found, []any{&tx, &id, &delivery}, func() error { seen[delivery]++; n++; return nil }); err != nil {
			t.Fatal(err)
		}
		more = left > 0 || n > 0
	}
	if len(seen) != 1+writers*batches*5 {
		t.Errorf("read %d rows, want %d", len(seen), 1+writers*batches*5)
	}
	for delivery, n := range seen {
		if n > 1 {
			t.Errorf("read %s %d times", delivery, n)
		}
	}
}

// testKilled: what it had committed is there, once.
func testKilled(t *testing.T, s *server) {
	n := targetstest.SurvivesKill(t, s.open(nil, targets.Env{}), func() { s.Kill(); s.Start() }, func() []string { return s.ids("outbox") })
	if n != 0 {
		t.Errorf("%d are there more than once", n)
	}
}
