package rabbitmq

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

// Client connects to a broker.
type Client struct {
	// Shown is the address as it may be shown.
	Shown string

	guard   *egress.Guard
	address string
	config  amqp.Config
	// tls is the client's own, so that why it is refused is known; nil for none.
	tls *tls.Config
}

// NewClient returns what connects to a broker for what has a name, and what is secret in its
// configuration.
func NewClient(name, dir string, server *remote.Server, login *remote.Login, version string, s secret.Source, guard *egress.Guard) (*Client, []string, error) {
	u, shown, secrets, err := server.Address(s, dir, Schemes...)
	if err != nil {
		return nil, nil, err
	}
	user, password, logins, err := login.Of(u, s, dir)
	if err != nil {
		return nil, nil, err
	}
	if user == "" {
		user, password = "guest", "guest"
	}
	vhost, err := virtualHost(u)
	if err != nil {
		return nil, nil, err
	}
	c := &Client{Shown: shown, guard: guard, config: amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: password}}, Vhost: vhost,
		Heartbeat: heartbeat, Locale: "en_US",
		Properties: amqp.Table{"product": "Signalbox", "version": version, "connection_name": "signalbox " + name},
	}}
	port := "5672"
	if u.Scheme == secureScheme {
		port = "5671"
		if c.tls, err = server.TLS.Client(dir, s, u.Hostname()); err != nil {
			return nil, nil, err
		}
	}
	c.address = "amqp://" + net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return c, append(secrets, logins...), nil
}

// Place returns which virtual host it is, of which broker as it is written.
func (c *Client) Place() string {
	return "rabbitmq/" + strings.ToLower(strings.TrimPrefix(c.address, "amqp://")) + "/" + url.PathEscape(c.config.Vhost)
}

// Connect connects. Because returns why the connection broke in place of an error that only
// says so.
func (c *Client) Connect(ctx context.Context) (conn *amqp.Connection, because func(error) error, err error) {
	var b *bounded
	config := c.config
	config.Dial = func(_, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, _, err := remote.Dial(ctx, c.guard, address, c.tls)
		if err != nil {
			return nil, err
		}
		// The handshake has the same time; the client takes the bound off after it.
		b = &bounded{Conn: conn}
		return b, conn.SetDeadline(time.Now().Add(dialTimeout))
	}
	if conn, err = amqp.DialConfig(c.address, config); err != nil {
		return nil, nil, b.because(err)
	}
	return conn, b.because, nil
}

// CheckAddress reports what is wrong with an address and TLS together.
func CheckAddress(v *targets.Validation, u *url.URL, secure remote.TLS) {
	if _, err := virtualHost(u); err != nil {
		v.Fail([]string{"url"}, "%v", err)
	}
	remote.CheckServer(v, u, secure, secureScheme)
}
