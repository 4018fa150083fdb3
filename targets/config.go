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

	// Type names the kind of target.
	Type        string `yaml:"type"`
	Description string `yaml:"description"`
	// ARN is another name for the target, by which the EventBridge API and rule
	// files exported from AWS can refer to it.
	ARN string `yaml:"arn"`

	// Retry, RetryBudget, Breaker, Timeout, Concurrency, RateLimit and Synthetic
	// are the lane's, for every kind.
	Retry Retry `yaml:"retry"`
	// Paused keeps deliveries from being attempted; they wait.
	Paused bool `yaml:"paused"`
	// Start is from where on events are sent to the target by rules that do not say it
	// themselves; with the next event by default.
	Start       Start       `yaml:"start"`
	RetryBudget RetryBudget `yaml:"retry_budget"`
	Breaker     Breaker     `yaml:"breaker"`
	// Timeout bounds one attempt, 5 s by default.
	Timeout time.Duration `yaml:"timeout"`
	// Concurrency is how many attempts are under way at once: 32 by default, unless
	// the kind has another default; 8 where they are of batches.
	Concurrency int `yaml:"concurrency"`
	// RateLimit bounds the deliveries attempted in a time; none by default.
	RateLimit Rate            `yaml:"rate_limit"`
	Synthetic SyntheticPolicy `yaml:"synthetic"`
	// Batch gathers the deliveries of a kind that can take several at once; nil sends
	// each alone.
	Batch *Batch `yaml:"batch"`
	// Reply is what the answers of a kind that replies are: ReplyEvents, or, where
	// it is empty, nothing that is read.
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
	// OnDeadLetter is what becomes of an ordering key when the dead-letter queue
	// takes a delivery of it, OnDeadLetterContinue by default; only with OrderBy.
	OnDeadLetter string `yaml:"on_dead_letter"`
}

// Retry bounds the attempts of one delivery.
type Retry struct {
	MaxAttempts int           `yaml:"max_attempts"` // 185 by default
	MaxAge      time.Duration `yaml:"max_age"`      // 24h by default, from acceptance
	MinBackoff  time.Duration `yaml:"min_backoff"`  // 1s by default
	MaxBackoff  time.Duration `yaml:"max_backoff"`  // 10m by default; caps Retry-After too
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
