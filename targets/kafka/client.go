package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/egress"
	"signalbox/targets/remote"
)

const (
	// dialTimeout bounds one try to connect, answerTimeout how long a broker may be silent beyond
	// the time that a request leaves it.
	dialTimeout   = 3 * time.Second
	answerTimeout = 5 * time.Second
	// maxAnswer bounds the answers of brokers.
	maxAnswer = 4 << 20
	// tries is how often a record is sent that a broker refuses for now; the lane does the rest.
	tries = 3
	// maxBuffered and maxBufferedBytes bound what waits in the client.
	maxBuffered      = 100_000
	maxBufferedBytes = 128 << 20
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// mechanisms are those of SASL, by the names that Kafka has for them.
var mechanisms = map[string]func(scram.Auth) sasl.Mechanism{
	"PLAIN":         func(a scram.Auth) sasl.Mechanism { return plain.Auth{User: a.User, Pass: a.Pass}.AsMechanism() },
	"SCRAM-SHA-256": scram.Auth.AsSha256Mechanism,
	"SCRAM-SHA-512": scram.Auth.AsSha512Mechanism,
}

// Client connects to brokers.
type Client struct {
	// Shown is the address as it may be shown.
	Shown string

	options []kgo.Opt
	trouble trouble
}

// NewClient returns what connects to brokers for what has a name, and what is secret in its
// configuration. The mechanism is that of SASL, where somebody logs in.
func NewClient(name, dir string, server *remote.Server, login *remote.Login, mechanism string, s secret.Source, guard *egress.Guard) (*Client, []string, error) {
	u, shown, secrets, err := server.Address(s, dir, Schemes...)
	if err != nil {
		return nil, nil, err
	}
	var secure *tls.Config
	if u.Scheme == secureScheme {
		if secure, err = server.TLS.Client(dir, s, ""); err != nil {
			return nil, nil, err
		}
	}
	user, password, logins, err := login.Of(u, s, dir)
	if err != nil {
		return nil, nil, err
	}
	shown, _, _ = strings.Cut(strings.TrimPrefix(shown, u.Scheme+"://"), "/")
	c := &Client{Shown: u.Scheme + "://" + shown}
	if user != "" {
		c.options = append(c.options, kgo.SASL(mechanisms[mechanism](scram.Auth{User: user, Pass: password})))
	}
	c.options = append(c.options,
		kgo.SeedBrokers(brokers(u)...),
		kgo.ClientID("signalbox-"+name),
		kgo.DisableClientMetrics(),
		kgo.WithHooks(&c.trouble),
		kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			conn, _, err := remote.Dial(ctx, guard, address, secure)
			return conn, err
		}),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RequestTimeoutOverhead(answerTimeout),
		kgo.RequestRetries(1),
	)
	return c, append(secrets, logins...), nil
}

// Open returns a client with more options. It connects when it is used.
func (c *Client) Open(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(slices.Concat(c.options, more)...)
}

// Because returns why connecting failed in place of an error that only says so.
func (c *Client) Because(err error) error {
	var answer *kerr.Error
	if errors.As(err, &answer) {
		return err
	}
	return because(err, c.trouble.err())
}

// because is Because for an error that no broker has answered.
func because(err, trouble error) error {
	switch {
	case trouble == nil:
		return err
	case errors.Is(err, io.EOF) && errors.Is(trouble, io.EOF):
		return fmt.Errorf("the broker has closed the connection while it was being set up: check the login, and TLS: %w", trouble)
	}
	return trouble
}

// producing returns the options of a client that produces: idempotent, and acknowledged by all
// replicas in sync, as it is by default.
func producing(c *targets.Config, o *Options) []kgo.Opt {
	return []kgo.Opt{
		kgo.BrokerMaxReadBytes(2 * maxAnswer),
		kgo.FetchMaxBytes(maxAnswer),
		kgo.ProduceRequestTimeout(max(c.Timeout, 100*time.Millisecond)),
		kgo.RecordDeliveryTimeout(max(c.Timeout, time.Second)),
		kgo.RecordRetries(tries),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(codecs[o.Compression], kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(o.MaxMessageBytes)),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.MaxBufferedBytes(maxBufferedBytes),
	}
}

// trouble is why the last try to connect failed, which the client keeps to itself while it goes
// on trying.
type trouble struct{ last atomic.Pointer[error] }

// OnBrokerConnect notes how a try to connect ended.
func (t *trouble) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	switch {
	case err == nil:
		t.last.Store(nil)
	case !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed):
		t.last.Store(&err)
	}
}

// err returns why; nil where connecting has worked.
func (t *trouble) err() error {
	if last := t.last.Load(); last != nil {
		return *last
	}
	return nil
}
