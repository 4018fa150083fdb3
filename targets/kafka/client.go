package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"signalbox/targets"
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

// clientOptions returns the options of a client: idempotent, and acknowledged by all replicas in
// sync, as it is by default.
func clientOptions(c *targets.Config, o *Options, u *url.URL, env targets.Env, t *trouble) (out []kgo.Opt, secrets []string, err error) {
	var secure *tls.Config
	if u.Scheme == secureScheme {
		if secure, err = o.TLS.Client(c.Dir, env.Secrets, ""); err != nil {
			return nil, nil, err
		}
	}
	user, password, secrets, err := o.Of(u, env.Secrets, c.Dir)
	if err != nil {
		return nil, nil, err
	}
	if user != "" {
		out = append(out, kgo.SASL(mechanisms[o.SASLMechanism](scram.Auth{User: user, Pass: password})))
	}
	return append(out,
		kgo.SeedBrokers(brokers(u)...),
		kgo.ClientID("signalbox-"+c.Name),
		kgo.DisableClientMetrics(),
		kgo.WithHooks(t),
		kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			conn, _, err := remote.Dial(ctx, env.Egress, address, secure)
			return conn, err
		}),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.BrokerMaxReadBytes(2*maxAnswer),
		kgo.FetchMaxBytes(maxAnswer),
		kgo.RequestTimeoutOverhead(answerTimeout),
		kgo.ProduceRequestTimeout(max(c.Timeout, 100*time.Millisecond)),
		kgo.RecordDeliveryTimeout(max(c.Timeout, time.Second)),
		kgo.RecordRetries(tries),
		kgo.RequestRetries(1),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(codecs[o.Compression], kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(o.MaxMessageBytes)),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.MaxBufferedBytes(maxBufferedBytes),
	), secrets, nil
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
