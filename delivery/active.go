package delivery

import (
	"sync"

	"signalbox/targets"
)

// Active is a target in use. It is closed when its last user has gone.
type Active struct {
	Config targets.Config
	Target targets.Target
	// Replies means that the target's answers carry events.
	Replies bool

	batch *batching // nil where each delivery is sent alone
	users sync.WaitGroup
}

func newActive(cfg targets.Config, t targets.Target) *Active {
	return &Active{Config: cfg, Target: t, batch: batchingOf(&cfg, t), Replies: cfg.Reply == targets.ReplyEvents}
}

// Done ends a use that began with Lane.Use.
func (t *Active) Done() { t.users.Done() }

// batching is how the target's deliveries are gathered; nil where they are not.
func (t *Active) batching() *batching {
	if t == nil {
		return nil
	}
	return t.batch
}

// retire closes the target once its last attempt has ended.
func (t *Active) retire() error {
	t.users.Wait()
	return t.Target.Close()
}

// burst returns how many deliveries a rate limit lets go at once: a tenth of a
// second's, or what one batch can gather of it in a second.
func (t *Active) burst(perSecond float64) int {
	burst := max(1, int(perSecond/10))
	if t.batch != nil {
		burst = max(burst, min(t.batch.events, int(perSecond)))
	}
	return burst
}
