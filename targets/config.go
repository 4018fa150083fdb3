package targets

import (
	"reflect"
	"strings"
	"time"
)

// The types of target that a configuration can name. Targets in the process
// itself are made with NewFunc.
const (
	TypeHTTP  = "http"
	TypeQueue = "queue"
	TypeLog   = "log"
	TypeBus   = "bus"
)

// The forms in which an event that no rule transforms is sent.
const (
	// FormatEventBridge is the canonical envelope as it is.
	FormatEventBridge = "eventbridge"
	// FormatCloudEvents is a CloudEvent in JSON, in the structured mode.
	FormatCloudEvents = "cloudevents"
	// FormatCloudEventsBinary is the event's detail as the body, with the
	// attributes of the CloudEvent in headers.
	FormatCloudEventsBinary = "cloudevents-binary"
)

// What a delivery carries.
const (
	// CarryState is the event with all that it carries.
	CarryState = "state"
	// CarryReference is a notification: the event with, in place of its detail, a
	// reference to the latest state of the object that it is of, or to the event.
	CarryReference = "reference"
	// CarryVersion is a notification whose reference is to the state that this
	// very event told.
	CarryVersion = "version"
)

// The places where a log target writes.
const (
	LogToStdout = "stdout"
	LogToFile   = "file"
	LogToZap    = "zap"
)

// Config is a target as it is written in config.yaml or a rule file. SetDefaults
// fills in what was left out, Validate finds what is wrong.
//
// URL, the values of Headers, SigningSecrets, User, Password and Token may hold
// references: ${NAME} and ${NAME:-default} for a variable of the environment,
// ${file:PATH} for the contents of a file without the newline at its end. What
// they stand for is never printed.
type Config struct {
	// Name is the key under which the target stands.
	Name string `yaml:"-"`
	// Dir is the folder of the file that the target stands in; relative paths
	// start there. Empty means the working directory.
	Dir string `yaml:"-"`
	// Resolved is a hash of what the references stand for, and of the files of TLS:
	// with others the target is another one. It is left empty where nobody asks.
	Resolved Resolved `yaml:"-"`

	// Type is the kind of target, one of the Type constants.
	Type        string `yaml:"type"`
	Description string `yaml:"description"`
	// ARN is another name for the target, by which the EventBridge API and rule
	// files exported from AWS can refer to it.
	ARN string `yaml:"arn"`

	// Retry, RetryBudget, Breaker, Timeout, Concurrency, RateLimit and Synthetic
	// are the lane's, for every kind.
	Retry Retry `yaml:"retry"`
	// Paused keeps deliveries from being attempted; they wait.
	Paused      bool        `yaml:"paused"`
	RetryBudget RetryBudget `yaml:"retry_budget"`
	Breaker     Breaker     `yaml:"breaker"`
	// Timeout bounds one attempt, 5 s by default.
	Timeout time.Duration `yaml:"timeout"`
	// Concurrency is how many attempts are under way at once: 32 by default, 256
	// for a queue, 1 for a log, 8 where they are of batches.
	Concurrency int `yaml:"concurrency"`
	// RateLimit bounds the deliveries attempted in a time; none by default.
	RateLimit Rate            `yaml:"rate_limit"`
	Synthetic SyntheticPolicy `yaml:"synthetic"`
	// Batch gathers the deliveries of an http or queue target; nil sends each alone.
	Batch *Batch `yaml:"batch"`
	// Reply says what the answers of an http target are: ReplyEvents, or, where it
	// is empty, nothing that is read.
	Reply string `yaml:"reply"`
	// Emits are the types of the events that the target's deliveries lead to, be
	// it by its answers or by another way. Loops in the rules are found by them.
	Emits []string `yaml:"emits"`

	// Carry is what a delivery carries, one of the Carry constants: CarryState by
	// default.
	Carry string `yaml:"carry"`
	// OrderBy is an expression over the event whose result is the delivery's order
	// key: deliveries that share one are made in order, one at a time. Empty means
	// no order.
	OrderBy string `yaml:"order_by"`
	// OnDeadLetter says what becomes of an order key when the dead-letter queue
	// takes a delivery of it, OnDeadLetterContinue by default; only with OrderBy.
	OnDeadLetter string `yaml:"on_dead_letter"`

	// URL is where an http target posts to, or the server of a queue:
	// nats://host:port, with the subject as its path if Subject is not given.
	URL string `yaml:"url"`
	// Headers are sent with each delivery of an http or queue target.
	Headers map[string]string `yaml:"headers"`
	// Format is the form of an event that no rule transforms, FormatEventBridge
	// by default; for http and queue.
	Format string `yaml:"format"`
	// TLS is for https and tls addresses of http and queue.
	TLS TLS `yaml:"tls"`

	// Method is that of the HTTP request, POST by default.
	Method string `yaml:"method"`
	// SigningSecrets sign each HTTP delivery as Standard Webhooks does, each with
	// every secret, so that secrets can be rotated: whsec_ and the base64 of 24
	// to 64 bytes.
	SigningSecrets []string `yaml:"signing_secrets"`
	// RetryOn and FinalOn are HTTP statuses that are to be retried, or never
	// retried, other than by default. A 2xx is always a success.
	RetryOn []int `yaml:"retry_on"`
	FinalOn []int `yaml:"final_on"`
	// QuickRetries is how often one attempt of an http target tries again, within
	// 100 ms, when its connection broke before anything was answered; 1 by
	// default, at most 3.
	QuickRetries *int `yaml:"quick_retries"`
	// ProxyFromEnv makes an http target use HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyFromEnv bool `yaml:"proxy_from_env"`
	// HTTP2 lets an http target speak HTTP/2 where an https server offers it.
	HTTP2 bool `yaml:"http2"`

	// Subject is what a queue target publishes to. {source}, {detail-type},
	// {bus}, {rule}, {target} and {event-id} stand for those of the delivery,
	// with characters that a subject cannot hold replaced by "_".
	Subject string `yaml:"subject"`
	// CreateStream makes a queue target create Stream, with the subjects that it
	// publishes to, if it does not exist.
	CreateStream bool `yaml:"create_stream"`
	// Stream is the JetStream stream that must take the messages. It may be empty
	// unless CreateStream is set: then whichever stream has the subject takes them.
	Stream string `yaml:"stream"`
	// User and Password, Token, or CredentialsFile (a NATS .creds file) log a
	// queue target in.
	User            string `yaml:"user"`
	Password        string `yaml:"password"`
	Token           string `yaml:"token"`
	CredentialsFile string `yaml:"credentials_file"`

	// To is where a log target writes: LogToStdout by default, or LogToFile if
	// Path is given.
	To string `yaml:"to"`
	// Path is the file that a log target appends to.
	Path string `yaml:"path"`

	// Bus is the bus that a bus target puts events on.
	Bus string `yaml:"bus"`
	// MaxHops is how many buses an event may pass through, 8 by default; a bus
	// target refuses to send it on after that.
	MaxHops int `yaml:"max_hops"`
}

// Retry bounds the attempts of one delivery.
type Retry struct {
	MaxAttempts int           `yaml:"max_attempts"` // 185 by default
	MaxAge      time.Duration `yaml:"max_age"`      // 24h by default, from acceptance
	MinBackoff  time.Duration `yaml:"min_backoff"`  // 1s by default
	MaxBackoff  time.Duration `yaml:"max_backoff"`  // 10m by default; caps Retry-After too
}

// TLS says whom to trust and who we are. Paths are relative to the file that
// the target stands in.
type TLS struct {
	// CAFile holds the certificates in PEM to trust in place of the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile hold the client's certificate and key in PEM.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is the name that the server's certificate must have, if it is
	// not the one in the address.
	ServerName string `yaml:"server_name"`
	// InsecureSkipVerify trusts every certificate.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// SyntheticPolicy says what a target does with a synthetic event.
type SyntheticPolicy string

// The policies. The default is SyntheticLog: the event is logged in place of
// being sent, and counts as delivered.
const (
	SyntheticLog     SyntheticPolicy = "log"
	SyntheticDeliver SyntheticPolicy = "deliver"
	SyntheticDrop    SyntheticPolicy = "drop"
)

// What a target's answers are.
const (
	// ReplyEvents are events, which are taken in.
	ReplyEvents = "events"
	// ReplyNone is nothing that is read: a rule's way to undo the target's word.
	ReplyNone = "none"
)

// What becomes of an order key whose delivery the dead-letter queue takes.
const (
	// OnDeadLetterContinue lets the key go on with its next delivery.
	OnDeadLetterContinue = "continue"
	// OnDeadLetterStop keeps the key's deliveries back until the dead letter is
	// redriven or purged, or the key is resumed.
	OnDeadLetterStop = "stop"
)

// SetDefaults fills in every field that was left out and has a default.
func (c *Config) SetDefaults() {
	setDefault(&c.Retry.MaxAttempts, 185)
	setDefault(&c.Retry.MaxAge, 24*time.Hour)
	setDefault(&c.Retry.MinBackoff, time.Second)
	setDefault(&c.Retry.MaxBackoff, max(10*time.Minute, c.Retry.MinBackoff))
	c.RetryBudget.setDefaults()
	c.Breaker.setDefaults()
	setDefault(&c.Timeout, 5*time.Second)
	setDefault(&c.Synthetic, SyntheticLog)
	setDefault(&c.Carry, CarryState)
	if c.Batch != nil {
		c.Batch.setDefaults()
		setDefault(&c.Concurrency, batchConcurrency)
	}
	if c.OrderBy != "" {
		setDefault(&c.OnDeadLetter, OnDeadLetterContinue)
	}
	switch c.Type {
	case TypeHTTP:
		setDefault(&c.Concurrency, 32)
		setDefault(&c.Method, "POST")
		setDefault(&c.Format, FormatEventBridge)
		if c.QuickRetries == nil {
			c.QuickRetries = new(1)
		}
	case TypeQueue:
		setDefault(&c.Concurrency, 256)
		setDefault(&c.Format, FormatEventBridge)
	case TypeLog:
		setDefault(&c.Concurrency, 1)
		if c.Path != "" {
			setDefault(&c.To, LogToFile)
		}
		setDefault(&c.To, LogToStdout)
	case TypeBus:
		setDefault(&c.MaxHops, 8)
	}
	setDefault(&c.Concurrency, 32)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Equal tells whether both configurations describe the same target. Of what the
// references in them stand for, Resolved is looked at.
func (c *Config) Equal(other *Config) bool { return reflect.DeepEqual(c, other) }

// FieldError is one mistake in a Config.
type FieldError struct {
	// Path leads from the target to the field: keys, and indexes of lists in
	// decimal.
	Path []string
	// Msg says what is wrong and how to mend it.
	Msg string
}

func (e *FieldError) Error() string { return strings.Join(e.Path, ".") + ": " + e.Msg }
