package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

// dialTimeout bounds one try to connect and to log in.
const dialTimeout = 5 * time.Second

// dialer opens sessions.
type dialer struct {
	guard          *egress.Guard
	address, shown string
	tls            *tls.Config // nil for none
	name           string
	user, password string
	database       int
}

func newDialer(c *targets.Config, o *Options, env targets.Env) (dialer, []string, error) {
	u, shown, secrets, err := o.Address(env.Secrets, c.Dir, schemes...)
	if err != nil {
		return dialer{}, nil, err
	}
	d := dialer{guard: env.Egress, address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379")), shown: shown, name: "signalbox-" + c.Name}
	if d.database, err = database(u); err != nil {
		return dialer{}, nil, err
	}
	var logins []string
	if d.user, d.password, logins, err = o.Of(u, env.Secrets, c.Dir); err != nil {
		return dialer{}, nil, err
	}
	if u.Scheme == secureScheme {
		if d.tls, err = o.TLS.Client(c.Dir, env.Secrets, u.Hostname()); err != nil {
			return dialer{}, nil, err
		}
	}
	return d, append(secrets, logins...), nil
}

// session is one connection. To close raw breaks what is under way.
type session struct {
	redis.Conn
	raw net.Conn
}

// dial opens a session: it logs in and chooses the database.
func (d *dialer) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, raw, err := remote.Dial(ctx, d.guard, d.address, d.tls)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	s := &session{redis.NewConn(&answers{Conn: conn}, 0, 0), raw}
	if err := s.begin(d); err != nil {
		_ = s.Close() // what the server said says more
		return nil, errors.Join(ctx.Err(), err)
	}
	return s, nil
}

func (s *session) begin(d *dialer) error {
	if d.password != "" {
		login := []any{d.user, d.password}
		if d.user == "" {
			login = login[1:]
		}
		if _, err := s.Do("AUTH", login...); err != nil {
			return err
		}
	}
	if d.database != 0 {
		if _, err := s.Do("SELECT", d.database); err != nil {
			return err
		}
	}
	_, err := s.Do("CLIENT", "SETNAME", d.name)
	var answer redis.Error
	if errors.As(err, &answer) && !throttles(string(answer)) { // a right that it need not have
		return nil
	}
	return err
}

func throttles(answer string) bool {
	code, _ := codeOf(answer)
	return code == targets.CodeThrottling
}

// check returns an error for a session that is broken.
func check(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.raw.Close() })()
	var answer redis.Error
	if _, err := s.Do("PING"); err != nil && !errors.As(err, &answer) {
		return err
	}
	return nil
}

// shut closes a session.
func shut(s *session) { _ = s.Close() } // nothing is under way

// answers is a connection that breaks where the server answers what it has no reason to: the
// client would make room for whatever length an answer claims to have.
type answers struct {
	net.Conn
	kind byte // of the line that is being read
	line int  // how much of it has been read
}

const (
	// maxLine is the longest line of an answer, maxBulk the most digits of a length: that of an
	// entry's id has two.
	maxLine = 4 << 10
	maxBulk = 3
)

// Write writes commands. A server that refuses one, or the client's certificate, says why and
// stops reading, so that what it said is there to read when the write fails.
func (a *answers) Write(p []byte) (int, error) {
	n, err := a.Conn.Write(p)
	if err == nil {
		return n, nil
	}
	said, err := remote.LastWords(a.Conn, err, maxLine)
	for line := range strings.Lines(string(said)) {
		if text, ok := strings.CutPrefix(line, "-"); ok {
			return n, redis.Error(strings.TrimRight(text, "\r\n"))
		}
	}
	return n, err
}

var errAnswer = errors.New("the server's answer is none of a Redis server to XADD")

// Read reads answers.
func (a *answers) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	for _, b := range p[:n] {
		if b == '\n' {
			a.line = 0
			continue
		}
		if a.line == 0 {
			a.kind = b
		}
		a.line++
		if a.line > maxLine || a.kind == '*' || a.kind == '$' && a.line > maxBulk+len("$\r") {
			return 0, errAnswer
		}
	}
	return n, err
}
