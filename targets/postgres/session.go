package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"signalbox/targets"
	"signalbox/targets/egress"
)

const (
	// dialTimeout bounds one try to connect and to log in, and the farewell.
	dialTimeout = 5 * time.Second
	// maxMessage is the longest message of a server, and maxAnswer the longest answer, in bytes.
	maxMessage = 1 << 20
	maxAnswer  = 16 << 20
)

// dialer opens and closes connections.
type dialer struct {
	config *pgconn.Config
	shown  string
	// closing are those that are being closed.
	closing sync.WaitGroup
}

func newDialer(c *targets.Config, o *Options, env targets.Env) (*dialer, []string, error) {
	u, shown, secrets, err := o.Address(env.Secrets, c.Dir, schemes...)
	if err != nil {
		return nil, nil, err
	}
	config, err := newConfig()
	if err != nil {
		return nil, nil, err
	}
	var logins []string
	if config.User, config.Password, logins, err = o.Of(u, env.Secrets, c.Dir); err != nil {
		return nil, nil, err
	}
	port, _ := strconv.ParseUint(cmp.Or(u.Port(), "5432"), 10, 16) // which is in its bounds
	config.Host, config.Port, config.Database = u.Hostname(), uint16(port), database(u)
	config.RuntimeParams = map[string]string{
		"application_name": "signalbox-" + c.Name,
		"client_encoding":  "UTF8",
		// The server gives up with the attempt, so that none goes on beside the next.
		"statement_timeout": strconv.FormatInt(max(1, c.Timeout.Milliseconds()), 10),
	}
	config.DialFunc = guarded(env.Egress)
	return &dialer{config: config, shown: shown}, append(secrets, logins...), o.secure(config, u, c, env)
}

// pinned has all that the environment and the files of a user could say to the client.
// Whatever of it matters is replaced.
const pinned = "host=/ port=5432 database=x user=x password=x sslcertmode=allow sslnegotiation='' connect_timeout=0 " +
	"target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''"

// newConfig returns a configuration that nothing but the target's own has a word in.
func newConfig() (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(pinned)
	if err != nil {
		return nil, fmt.Errorf("PGSERVICE in the environment names a service that the client of Postgres can't read; nothing of it would be used: unset it (%w)", errors.Unwrap(err))
	}
	config.Fallbacks = nil
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // whoever dials does
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		return &answers{Conn: conn}, nil
	}
	config.MaxProtocolMessageBodyLen = maxMessage
	return config, nil
}

// secure sets up TLS.
func (o *Options) secure(config *pgconn.Config, u *url.URL, c *targets.Config, env targets.Env) (err error) {
	mode, secure := sslMode(u, o.TLS)
	if !secure {
		config.TLSConfig, config.RequireAuth = nil, "!password" // which would be readable
		return nil
	}
	if config.TLSConfig, err = o.TLS.Client(c.Dir, env.Secrets, u.Hostname()); err == nil && mode == sslRequire {
		config.TLSConfig.InsecureSkipVerify = true
	}
	return err
}

// guarded returns what connects as a policy allows. A login, and the cancellation of what is
// under way, end within dialTimeout.
func guarded(guard *egress.Guard) pgconn.DialFunc {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		end := time.Now().Add(dialTimeout)
		ctx, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		conn, err := guard.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return conn, conn.SetDeadline(end)
	}
}

func (d *dialer) dial(ctx context.Context) (*pgconn.PgConn, error) {
	c, err := pgconn.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, errors.Unwrap(err) // which says who logs in
	}
	return c, c.Conn().SetDeadline(time.Time{}) // which fails where it is closed
}

// shut closes a connection, also one that is broken: the client then asks the server to end what is
// under way, which takes no longer than dialTimeout.
func (d *dialer) shut(c *pgconn.PgConn) {
	d.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		defer cancel()
		_ = c.Close(ctx)
		_ = c.Conn().Close() // so that the client waits for no farewell of the server
		<-c.CleanupDone()
	})
}

// row is what goes into the columns for one delivery of a batch.
type row struct {
	delivery int
	values   [][]byte
}

// insert puts all of the rows in, or none. Where the server refuses a row, at is its index;
// else it is not one of a row.
func insert(ctx context.Context, c *pgconn.PgConn, sql string, rows []row) (at int, err error) {
	p := c.StartPipeline(ctx)
	p.SendPrepare("", sql, nil)
	for _, r := range rows {
		p.SendQueryPrepared("", r.values, nil, nil)
	}
	err = p.Sync()
	for at = -2; err == nil && at < len(rows); at++ { // the statement, the rows, and the end
		var result any
		result, err = p.GetResults()
		if r, ok := result.(*pgconn.ResultReader); ok && err == nil {
			_, err = r.Close()
		}
	}
	return at, cmp.Or(err, p.Close())
}

// answers bounds what a server can say to what it is asked: all parameters that it tells of are
// kept, for one.
type answers struct {
	net.Conn
	left atomic.Int64
}

var errAnswer = errors.New("the server's answer is longer than that of any server to an INSERT")

// Write asks something.
func (a *answers) Write(p []byte) (int, error) {
	a.left.Store(maxAnswer)
	return a.Conn.Write(p)
}

// Read reads answers.
func (a *answers) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if a.left.Add(-int64(n)) < 0 {
		return 0, errAnswer
	}
	return n, err
}
