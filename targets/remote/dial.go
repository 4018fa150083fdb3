package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"signalbox/targets/egress"
)

// Dial connects to an address, with TLS where there is a configuration of it; the name of the
// server is that of the address, unless it says another. To close raw breaks what is under way on
// conn.
func Dial(ctx context.Context, guard *egress.Guard, address string, secure *tls.Config) (conn, raw net.Conn, err error) {
	raw, err = guard.DialContext(ctx, "tcp", address)
	if err != nil || secure == nil {
		return raw, raw, err
	}
	if secure.ServerName == "" {
		secure = secure.Clone()
		secure.ServerName, _, _ = net.SplitHostPort(address) // as it has been dialled
	}
	client := tls.Client(raw, secure)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error says more
		return nil, nil, err
	}
	return client, raw, nil
}

// lastWords is how long is waited for what a server said.
const lastWords = 2 * time.Second

// LastWords returns what a server said before it stopped reading, so that a write failed with
// err: up to size bytes, and in place of err why TLS was refused.
func LastWords(conn net.Conn, err error, size int) (said []byte, why error) {
	if conn.SetReadDeadline(time.Now().Add(lastWords)) != nil {
		return nil, err
	}
	said = make([]byte, size)
	n, alert := conn.Read(said)
	var op *net.OpError
	if errors.As(alert, &op) && op.Op == "remote error" {
		return nil, alert
	}
	return said[:n], err
}

// redialWait is how long the error of a failed dial stands for others.
const redialWait = 500 * time.Millisecond

// FailedDial remembers a dial that failed, so that attempts side by side do not each dial a
// server that is down.
type FailedDial struct{ last atomic.Pointer[failedDial] }

type failedDial struct {
	err error
	at  time.Time
}

// Err returns the error of a dial that has just failed; the next may be tried if it is nil.
func (f *FailedDial) Err() error {
	if last := f.last.Load(); last != nil && time.Since(last.at) < redialWait {
		return last.err
	}
	return nil
}

// Note notes how a dial went, unless ctx broke it off: then the server need not be down.
func (f *FailedDial) Note(ctx context.Context, err error) {
	switch {
	case err == nil:
		f.last.Store(nil)
	case ctx.Err() == nil:
		f.last.Store(&failedDial{err, time.Now()})
	}
}
