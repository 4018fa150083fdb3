package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

// dialTimeout bounds one try to connect and to log in.
const dialTimeout = 5 * time.Second

// Dialer opens sessions.
type Dialer struct {
	// Shown is the address as it may be shown.
	Shown string
	// Wrap bounds what the server answers.
	Wrap func(net.Conn) net.Conn

	guard          *egress.Guard
	address        string
	tls            *tls.Config // nil for none
	name           string
	user, password string
	database       int
}

// NewDialer returns what opens sessions of a server for what has a name, and what is secret in
// its configuration. Wrap is the caller's to set.
func NewDialer(name, dir string, server *remote.Server, login *remote.Login, s secret.Source, guard *egress.Guard) (*Dialer, []string, error) {
	u, shown, secrets, err := server.Address(s, dir, Schemes...)
	if err != nil {
		return nil, nil, err
	}
	d := &Dialer{Shown: shown, guard: guard, address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379")), name: "signalbox-" + name}
	if d.database, err = database(u); err != nil {
		return nil, nil, err
	}
	var logins []string
	if d.user, d.password, logins, err = login.Of(u, s, dir); err != nil {
		return nil, nil, err
	}
	if u.Scheme == secureScheme {
		if d.tls, err = server.TLS.Client(dir, s, u.Hostname()); err != nil {
			return nil, nil, err
		}
	}
	return d, append(secrets, logins...), nil
}

// Place returns which database it is, of which server as it is written.
func (d *Dialer) Place() string {
	return fmt.Sprintf("redis/%s/%d", strings.ToLower(d.address), d.database)
}

// Session is one connection. To close raw breaks what is under way.
type Session struct {
	redis.Conn
	raw, wrapped net.Conn
}

// Flush sends what was written.
func (s *Session) Flush() error {
	if err := s.Conn.Flush(); err != nil {
		return err
	}
	if buffered, ok := s.wrapped.(interface{ Flush() error }); ok {
		return buffered.Flush()
	}
	return nil
}

// Dial opens a session: it logs in and chooses the database.
func (d *Dialer) Dial(ctx context.Context) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, raw, err := remote.Dial(ctx, d.guard, d.address, d.tls)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	wrapped := d.Wrap(conn)
	s := &Session{redis.NewConn(wrapped, 0, 0), raw, wrapped}
	if err := s.begin(d); err != nil {
		_ = s.Close() // what the server said says more
		return nil, errors.Join(ctx.Err(), err)
	}
	return s, nil
}

// DoIn sends a command and returns its answer. The session is broken where ctx ends before.
func (s *Session) DoIn(ctx context.Context, command string, args ...any) (any, error) {
	defer context.AfterFunc(ctx, func() { _ = s.raw.Close() })()
	answer, err := s.Do(command, args...)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return answer, err
}

func (s *Session) begin(d *Dialer) error {
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
func check(ctx context.Context, s *Session) error {
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
func shut(s *Session) { _ = s.Close() } // nothing is under way

// answers is a connection that breaks where the server answers what it has no reason to: the
// client would make room for whatever length an answer claims to have.
type answers struct {
	net.Conn
	kind byte // of the line that is being read
	line int  // how much of it has been read
	// written is what is not sent yet: the client writes in pieces of 4 KiB, and the server would
	// begin with each.
	written []byte
}

const (
	// maxLine is the longest line of an answer, maxBulk the most digits of a length: that of an
	// entry's id has two.
	maxLine = 4 << 10
	maxBulk = 3
	// maxWritten is how many bytes are written at once.
	maxWritten = 64 << 10
)

// Write writes commands, which go out by Flush, before a read, or when there are many.
func (a *answers) Write(p []byte) (int, error) {
	if len(a.written)+len(p) > maxWritten {
		if err := a.Flush(); err != nil {
			return 0, err
		}
	}
	a.written = append(a.written, p...)
	return len(p), nil
}

// Flush sends what was written. A server that refuses a command, or the client's certificate, says
// why and stops reading, so that what it said is there to read when the write fails.
func (a *answers) Flush() error {
	if len(a.written) == 0 {
		return nil
	}
	_, err := a.Conn.Write(a.written)
	if a.written = a.written[:0]; err == nil {
		return nil
	}
	said, err := remote.LastWords(a.Conn, err, maxLine)
	for line := range strings.Lines(string(said)) {
		if text, ok := strings.CutPrefix(line, "-"); ok {
			return redis.Error(strings.TrimRight(text, "\r\n"))
		}
	}
	return err
}

var errAnswer = errors.New("the server's answer is none of a Redis server to XADD")

// Read reads answers.
func (a *answers) Read(p []byte) (int, error) {
	if err := a.Flush(); err != nil {
		return 0, err
	}
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
