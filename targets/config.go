package targets

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"signalbox/document"
	"signalbox/secret"
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

// Config is a target as it is written in config.yaml or a rule file: what every kind
// has, and the kind's own options. SetDefaults fills in what was left out, Validate
// finds what is wrong.
type Config struct {
	// Kind is what Type stands for; see Kinds.Find.
	Kind *Kind `yaml:"-"`
	// Options are the kind's own.
	Options Options `yaml:",inline"`

	// Name is the key under which the target stands.
	Name string `yaml:"-"`
	// Dir is the folder of the file that the target stands in; relative paths
	// start there. Empty means the working directory.
	Dir string `yaml:"-"`
	// Resolved is a hash of what the references stand for, and of the files of TLS:
	// with others the target is another one. It is left empty where nobody asks.
	Resolved secret.Hash `yaml:"-"`

	// Type is the kind of target; queue stands for the one that the scheme of the URL names.
	Type string `yaml:"type" required:"true"`
	// Description is what the target is.
	Description string `yaml:"description" example:"The warehouse"`
	// ARN is another name for the target, by which the EventBridge API and rule
	// files exported from AWS can refer to it.
	ARN string `yaml:"arn" example:"arn:aws:sqs:eu-central-1:123456789012:orders"`

	// Retry bounds the attempts of one delivery.
	Retry Retry `yaml:"retry"`
	// Paused keeps deliveries from being attempted; they wait.
	Paused bool `yaml:"paused"`
	// Start is from where on rules that do not say it send events here: latest, which is the next one,
	// oldest, or a time.
	Start Start `yaml:"start" example:"oldest"`
	// RetryBudget bounds the share of repeated attempts among all attempts. A retry that it does not
	// allow yet waits longer.
	RetryBudget RetryBudget `yaml:"retry_budget" word:"off"`
	// Breaker is when the circuit opens and how it closes again. While it is open nothing is
	// attempted, and deliveries wait.
	Breaker Breaker `yaml:"breaker" word:"off"`
	// Timeout bounds one attempt.
	Timeout time.Duration `yaml:"timeout" above:"0s"`
	// Concurrency is how many attempts are under way at once; 8 where they are of batches and nothing
	// is said.
	Concurrency int `yaml:"concurrency" min:"1" max:"10000"`
	// RateLimit bounds the deliveries attempted in a time.
	RateLimit Rate `yaml:"rate_limit" example:"300/s"`
	// Synthetic is what becomes of a test event: it is logged and counts as delivered, is delivered,
	// or dropped.
	Synthetic SyntheticPolicy `yaml:"synthetic" enum:"log|deliver|drop"`
	// Batch gathers deliveries, where the kind takes several at once; each is sent alone where it is
	// left out.
	Batch *Batch `yaml:"batch"`
	// Reply is what the answers are: events, which are taken in, or nothing that is read. It is only
	// for http.
	Reply string `yaml:"reply" enum:"events|none" example:"events"`
	// Emits are the types of the events that deliveries lead to, by answers or by another way. Loops
	// in the rules are found by them.
	Emits []string `yaml:"emits" example:"[PaymentMade, PaymentFailed]"`

	// Carry is what a delivery carries: the event, or a notification with a link to the state of its
	// object, now or as this event told it.
	Carry string `yaml:"carry" enum:"state|reference|version"`
	// OrderBy is an expression over the event whose result is the ordering key: deliveries that share
	// one are made in order, one at a time.
	OrderBy string `yaml:"order_by" example:"detail.orderId"`
	// OnDeadLetter is what becomes of an ordering key when the dead-letter queue takes a delivery of
	// it; the key continues by default. It is only for OrderBy.
	OnDeadLetter string `yaml:"on_dead_letter" enum:"continue|stop" example:"stop" with:"{order_by: detail.orderId}"`
}

// Retry bounds the attempts of one delivery.
type Retry struct {
	// MaxAttempts is how many attempts there are, the first among them.
	MaxAttempts int `yaml:"max_attempts" min:"1" example:"5"`
	// MaxAge is for how long, from acceptance on.
	MaxAge time.Duration `yaml:"max_age" above:"0s" example:"6h"`
	// MinBackoff is about the wait after the first attempt; it doubles with each.
	MinBackoff time.Duration `yaml:"min_backoff" above:"0s" example:"2s"`
	// MaxBackoff is the longest wait, and caps Retry-After too. It is at least MinBackoff.
	MaxBackoff time.Duration `yaml:"max_backoff" above:"0s" example:"5m"`
}

// MarshalJSON writes the keys of a rule file, and durations as they stand there.
func (r Retry) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		MaxAttempts int    `json:"max_attempts"`
		MaxAge      string `json:"max_age"`
		MinBackoff  string `json:"min_backoff"`
		MaxBackoff  string `json:"max_backoff"`
	}{r.MaxAttempts, document.FormatDuration(r.MaxAge), document.FormatDuration(r.MinBackoff), document.FormatDuration(r.MaxBackoff)})
}

// SyntheticPolicy is what a target does with a synthetic event.
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

// What becomes of an ordering key whose delivery the dead-letter queue takes.
const (
	// OnDeadLetterContinue lets the key continue with its next delivery.
	OnDeadLetterContinue = "continue"
	// OnDeadLetterStop keeps the key's deliveries back until the dead letter is
	// redriven or purged, or the key is resumed.
	OnDeadLetterStop = "stop"
)

// SetDefaults fills in every field that was left out and has a default.
func (c *Config) SetDefaults() {
	SetDefault(&c.Retry.MaxAttempts, 185)
	SetDefault(&c.Retry.MaxAge, 24*time.Hour)
	SetDefault(&c.Retry.MinBackoff, time.Second)
	SetDefault(&c.Retry.MaxBackoff, max(10*time.Minute, c.Retry.MinBackoff))
	c.RetryBudget.setDefaults()
	c.Breaker.setDefaults()
	SetDefault(&c.Timeout, 5*time.Second)
	SetDefault(&c.Synthetic, SyntheticLog)
	SetDefault(&c.Carry, CarryState)
	if c.Batch != nil {
		c.Batch.setDefaults()
		SetDefault(&c.Concurrency, batchConcurrency)
	}
	if c.OrderBy != "" {
		SetDefault(&c.OnDeadLetter, OnDeadLetterContinue)
	}
	if c.Options != nil {
		c.Options.SetDefaults(c)
	}
	SetDefault(&c.Concurrency, 32)
}

// SetDefault sets a field that was left out.
func SetDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Equal reports whether both configurations describe the same target. Of what the
// references in them stand for, Resolved is looked at.
func (c *Config) Equal(other *Config) bool {
	a, b := *c, *other
	a.Kind, b.Kind = nil, nil // of the same name, by Type
	return reflect.DeepEqual(a, b)
}

// Traits returns what the target's kind claims; nothing where it has none.
func (c *Config) Traits() Traits {
	if c.Kind == nil {
		return Traits{}
	}
	return c.Kind.Traits
}

// ToBus returns the bus of this router that a target puts events on; empty for the
// kinds that put them on none.
func (c *Config) ToBus() string {
	if f, ok := c.Options.(Forwarder); ok {
		return f.ToBus()
	}
	return ""
}

// FieldError is one mistake in a Config.
type FieldError struct {
	// Path leads from the target to the field: keys, and indexes of lists in
	// decimal.
	Path []string
	// Msg is what is wrong and how to fix it.
	Msg string
}

func (e *FieldError) Error() string { return strings.Join(e.Path, ".") + ": " + e.Msg }
