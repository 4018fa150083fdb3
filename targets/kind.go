package targets

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/secret"
	"signalbox/spelling"
)

// Kind is a kind of target: what the type of a configuration names.
type Kind struct {
	Name string
	// Schemes are the schemes of URL by which type: queue finds the kind; none for
	// what is no queue.
	Schemes []string
	Traits  Traits
	// Options returns the kind's own options, empty.
	Options func() Options
	// New makes a target. It opens files but connects to nothing: a server that is
	// down is an error of a delivery.
	New func(c *Config, env Env) (Target, error)
}

// Traits are what a kind can do. What a kind does not claim, it does not have.
type Traits struct {
	// Answers means that the target answers for the work itself: its answer to a
	// command or a query is the handler's. A queue only answers for having taken
	// the message.
	Answers bool
	// Observes means that the target only looks on: what it is sent of a command or a
	// query does not count as its handling.
	Observes bool
	// Forwards means that the target passes the event itself on to rules of this
	// router.
	Forwards bool
	// Replies means that answers can carry events (reply: events), Batches that
	// several deliveries can be sent at once (batch:).
	Replies, Batches bool
	// Gather is how deliveries are gathered without batch:, nil for each alone.
	Gather *Batch
}

// Options are the options that a kind owns: a pointer to a struct whose yaml tags
// name them.
type Options interface {
	// SetDefaults fills in what was left out, of the common part c too.
	SetDefaults(c *Config)
	// Validate reports what is wrong with the options.
	Validate(c *Config, v *Validation)
	// Show adds what of the options may be shown, by their names.
	Show(shown map[string]any)
}

// Forwarder are the options of a kind that puts events on a bus of this router.
type Forwarder interface{ ToBus() string }

// Sharer are the options of a kind of which not every two deliveries may share a
// batch.
type Sharer interface {
	SameBatch(a, b *Delivery) bool
}

// Kinds are all kinds that there are.
type Kinds []*Kind

// typeQueue is the type that stands for the kind of queue that the URL names.
const typeQueue = "queue"

// Find returns the kind of a type. For type: queue it is that of the URL's scheme;
// the URL may hold references.
func (k Kinds) Find(typ, url, dir string, s secret.Source) (*Kind, error) {
	for _, kind := range k {
		if kind.Name == typ {
			return kind, nil
		}
	}
	if typ == typeQueue {
		return k.queue(url, dir, s)
	}
	names := k.Names()
	return nil, fmt.Errorf("is %q: it must be one of %s%s", typ, strings.Join(names, ", "), spelling.Suggest(typ, names))
}

func (k Kinds) queue(url, dir string, s secret.Source) (*Kind, error) {
	var schemes []string
	expanded, _ := s.Expand(url, dir) // a fault of it is one of url
	scheme, _, _ := strings.Cut(expanded.Value, "://")
	for _, kind := range k {
		if slices.Contains(kind.Schemes, scheme) {
			return kind, nil
		}
		schemes = append(schemes, kind.Schemes...)
	}
	return nil, fmt.Errorf("is queue, whose kind is told by the scheme of url: begin that with %s://", strings.Join(schemes, ":// or "))
}

// With returns the names of the kinds that have an option.
func (k Kinds) With(key string) (names []string) {
	for _, kind := range k {
		if slices.Contains(document.Keys(kind.Options()), key) {
			names = append(names, kind.Name)
		}
	}
	return names
}

// Names returns the types that a configuration can name.
func (k Kinds) Names() []string {
	var names []string
	for _, kind := range k {
		names = append(names, kind.Name)
	}
	return append(names, typeQueue)
}
