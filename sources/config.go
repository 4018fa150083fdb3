package sources

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"

	"go.uber.org/zap"

	"signalbox/document"
	"signalbox/event"
	"signalbox/secret"
	"signalbox/spelling"
	"signalbox/targets"
	"signalbox/targets/egress"
)

// Config is a source as it is written in config.yaml or a rule file: what every kind has, and
// the kind's own options.
type Config struct {
	// Kind is what Type stands for.
	Kind *Kind `yaml:"-"`
	// Options are the kind's own.
	Options Options `yaml:",inline"`

	// Name is the key under which the source stands, Dir the folder where relative paths start.
	Name string `yaml:"-"`
	Dir  string `yaml:"-"`
	// Resolved is a hash of what the references stand for.
	Resolved secret.Hash `yaml:"-"`

	// Type is the kind of source.
	Type string `yaml:"type" required:"true"`
	// Description is what the source is.
	Description string `yaml:"description" example:"Orders of the old shop"`
	// Bus is where the events go.
	Bus string `yaml:"bus" default:"default" example:"default"`
	// Map makes events of messages that are none, by expressions over the message; without it such are
	// refused.
	Map *Map `yaml:"map"`
	// Paused keeps the source from fetching.
	Paused bool `yaml:"paused"`
	// BatchSize is how many messages are taken in at once.
	BatchSize int `yaml:"batch_size" min:"1" max:"10000"`
}

// Where what remembers how far a stream was read begins when it is made.
const (
	// StartAll is with the oldest message that there is, StartNew with the next.
	StartAll = "all"
	StartNew = "new"
)

// The bounds of BatchSize.
const (
	defaultBatch = 256
	maxBatch     = 10_000
)

// Kind is a kind of source: what the type of a configuration names.
type Kind struct {
	Name string
	// Options returns the kind's own options, empty.
	Options func() Options
	// New returns what connects. It connects to nothing itself.
	New func(c *Config, env Env) (Opener, error)
}

// Options are the options that a kind owns: a pointer to a struct whose yaml tags name them.
type Options interface {
	// SetDefaults fills in what was left out.
	SetDefaults(c *Config)
	// Validate reports what is wrong with the options.
	Validate(v *targets.Validation)
	// Show adds what of the options may be shown, by their names.
	Show(shown map[string]any)
}

// Env is what sources take from the process around them.
type Env struct {
	Logger *zap.Logger
	// Secrets resolves references in configurations.
	Secrets secret.Source
	// Egress says what sources may connect to; nil denies what gives credentials of the machine.
	Egress *egress.Guard
	// Version is the program's.
	Version string
}

// Opener connects to where messages come from.
type Opener interface {
	// Open connects. It ends with ctx.
	Open(ctx context.Context) (Conn, error)
	// Address is where, as it may be shown.
	Address() string
	// Hide returns an error without what is secret.
	Hide(error) error
}

// Conn is a connection that messages come from. Lag may be called while another method is
// under way; of the others one is called at a time.
type Conn interface {
	// Fetch returns the messages that there are, in order, up to as many as the configuration
	// says, and waits for the first. An error other than that of ctx means that the connection
	// is of no more use.
	Fetch(ctx context.Context) ([]Message, error)
	// Ack acknowledges messages that Fetch has returned, in order.
	Ack(ctx context.Context, all []Message) error
	// Hold keeps the broker from giving up on messages that are still worked on. It is called
	// about every second.
	Hold(ctx context.Context, all []Message) error
	// Lag returns how many messages wait at the broker, those under way among them.
	Lag(ctx context.Context) (uint64, error)
	// Close closes the connection. What was fetched and not acknowledged comes again.
	Close()
}

// Source is a source that has been checked. It does not change.
type Source struct {
	Config
	*Decoder
}

// Fault is one mistake in a Config.
type Fault struct {
	// Path leads to the field.
	Path []string
	// Err is an *exprenv.Error where an expression is wrong.
	Err error
}

// SetDefaults fills in what was left out.
func (c *Config) SetDefaults() {
	if c.BatchSize == 0 {
		c.BatchSize = defaultBatch
	}
	c.Options.SetDefaults(c)
}

// New returns the source of a configuration, or what is wrong with that, and what is doubtful.
func New(c Config, secrets secret.Source) (s *Source, faults, doubts []Fault) {
	c.SetDefaults()
	v := &targets.Validation{Secrets: secrets, Dir: c.Dir}
	if c.BatchSize < 1 || c.BatchSize > maxBatch {
		v.Fail([]string{"batch_size"}, "is %d: it must be from 1 to %d", c.BatchSize, maxBatch)
	}
	c.Options.Validate(v)
	errs, warnings := v.Found()
	decoder, faults := newDecoder(c.Name, &c)
	for _, e := range errs {
		faults = append(faults, Fault{e.Path, fmt.Errorf("%s", e.Msg)})
	}
	for _, e := range warnings {
		doubts = append(doubts, Fault{e.Path, fmt.Errorf("%s", e.Msg)})
	}
	return &Source{c, decoder}, faults, doubts
}

// Equal reports whether both are the same source.
func (s *Source) Equal(other *Source) bool {
	a, b := s.Config, other.Config
	a.Kind, b.Kind = nil, nil // of the same name, by Type
	return reflect.DeepEqual(a, b)
}

// Competes reports whether both read the same for the same bus, and do not share the work of one
// consumer: what a message becomes then depends on which of them has it first.
func (s *Source) Competes(other *Source) bool {
	here, group := s.reads()
	there, otherGroup := other.reads()
	return s.Type == other.Type && s.Bus == other.Bus && reflect.DeepEqual(here, there) &&
		(group != otherGroup || !reflect.DeepEqual(s.Map, other.Map))
}

// reads returns what the source reads, as far as it is written, and with whom.
func (s *Source) reads() (place map[string]any, group any) {
	place = map[string]any{}
	s.Options.Show(place)
	group = cmp.Or(place["group"], place["consumer"])
	delete(place, "group")
	delete(place, "consumer")
	return place, group
}

// Limit returns the source with the bounds of the events that it makes.
func (s *Source) Limit(limits event.Limits) *Source {
	limited := *s.Decoder
	limited.limits = limits
	return &Source{s.Config, &limited}
}

// Show returns the configuration as it may be shown.
func (s *Source) Show() map[string]any {
	shown := map[string]any{"batch_size": s.BatchSize}
	if s.Description != "" {
		shown["description"] = s.Description
	}
	if s.Map != nil {
		shown["map"] = map[string]string{"source": s.Map.Source, "detail_type": s.Map.DetailType, "id": s.Map.ID, "detail": s.Map.Detail}
	}
	s.Options.Show(shown)
	return shown
}

// Kinds are all kinds that there are.
type Kinds []*Kind

// Find returns the kind of a type.
func (k Kinds) Find(typ string) (*Kind, error) {
	var names []string
	for _, kind := range k {
		if kind.Name == typ {
			return kind, nil
		}
		names = append(names, kind.Name)
	}
	if typ == "" {
		return nil, fmt.Errorf("is missing: write one of %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("is %q: it must be one of %s%s", typ, strings.Join(names, ", "), spelling.Suggest(typ, names))
}

// With returns the names of the kinds that have an option.
func (k Kinds) With(key string) (names []string) {
	for _, kind := range k {
		for _, known := range document.Keys(kind.Options()) {
			if known == key {
				names = append(names, kind.Name)
			}
		}
	}
	return names
}
