package targets

import (
	"context"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/targets/egress"
)

// Env is what targets take from the process around them. Every field has a
// usable zero value, but a bus target needs Accept.
type Env struct {
	// Logger takes the lines of log targets with to: zap, and the changes of
	// state of connections. The default is to log nothing.
	Logger *zap.Logger
	// Stdout takes the lines of log targets; the default is os.Stdout.
	Stdout io.Writer
	// Secrets resolves references in configurations.
	Secrets secret.Source
	// Accept puts events on a bus of this router, as router.Router.Accept does:
	// one error for each event, and one for the whole call.
	Accept func(ctx context.Context, events []*event.Event) ([]error, error)
	// Egress says what targets may connect to; nil denies what gives credentials of the machine.
	Egress *egress.Guard
	// Version goes into the User-Agent header, Signalbox/<version>.
	Version string
}

func (e *Env) setDefaults() {
	if e.Logger == nil {
		e.Logger = zap.NewNop()
	}
	if e.Stdout == nil {
		e.Stdout = os.Stdout
	}
	if e.Version == "" {
		e.Version = "dev"
	}
}

// New makes the target that c describes.
func New(c Config, env Env) (Target, error) {
	c.SetDefaults()
	if errs := c.Validate(env.Secrets); len(errs) > 0 {
		return nil, fmt.Errorf("target %q: %w", c.Name, errs[0])
	}
	env.setDefaults()
	target, err := c.Kind.New(&c, env)
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", c.Name, err)
	}
	return target, nil
}
