package diff

import (
	"fmt"
	"time"
	"unicode/utf8"

	"signalbox/journal"
	"signalbox/router/render"
	"signalbox/rules/explain"
)

// Sample is one delivery that differs.
type Sample struct {
	Change     Change    `json:"change"`
	EventID    string    `json:"event_id"`
	Source     string    `json:"source"`
	DetailType string    `json:"detail_type"`
	Received   time.Time `json:"received"`
	// Why are the reasons, as "signalbox explain" has them.
	Why []string `json:"why"`
	// Before and After are what the delivery carries; nil on the side that makes none.
	Before *Content `json:"before,omitempty"`
	After  *Content `json:"after,omitempty"`
}

// Content is what a delivery carries. Body is empty where the event itself is sent.
type Content struct {
	Body        string `json:"body,omitempty"`
	OrderingKey string `json:"ordering_key,omitempty"`
	// Error is why the delivery could not be made.
	Error string `json:"error,omitempty"`
}

// maxBody bounds the bodies in a sample, in bytes.
const maxBody = 4 << 10

func (c *comparison) samplesOf(t *tally, slot int) (all []Sample) {
	for _, change := range []Change{Lost, Gained, Changed} {
		if f := t.changes[key{slot, change}]; f != nil {
			for i := range f.events {
				all = append(all, c.sample(&c.slots[slot], change, &f.events[i]))
			}
		}
	}
	return all
}

func (c *comparison) sample(s *slot, change Change, r *journal.Record) Sample {
	e, _ := eventOf(r) // it was read before
	shown := Sample{Change: change, EventID: e.ID, Source: e.Source, DetailType: e.DetailType, Received: r.Seq.Time()}
	if change != Gained {
		shown.Before = c.content(before, s, &e)
	}
	if change != Lost {
		shown.After = c.content(after, s, &e)
	}
	switch change {
	case Gained:
		shown.Why = c.why(before, s, &e)
	case Lost:
		shown.Why = c.why(after, s, &e)
	default:
		shown.Why = shown.differences()
	}
	return shown
}

func (c *comparison) content(side int, s *slot, e *render.Event) *Content {
	d := c.delivery(side, s, e)
	body := d.Body
	if len(body) > maxBody {
		body = append(body[:maxBody:maxBody], "…"...)
		for n := maxBody; n > 0 && !utf8.Valid(body[n-1:]); n-- {
			body = append(body[:n-1:n-1], "…"...)
		}
	}
	return &Content{Body: string(body), OrderingKey: d.Key, Error: errorText(d.Err)}
}

// differences returns in what a changed delivery differs.
func (s *Sample) differences() (why []string) {
	b, a := s.Before, s.After
	if b.OrderingKey != a.OrderingKey {
		why = append(why, fmt.Sprintf("ordering key: %q before, %q after", b.OrderingKey, a.OrderingKey))
	}
	switch {
	case b.Error != a.Error && a.Error != "":
		why = append(why, a.Error)
	case b.Error != a.Error:
		why = append(why, "it could not be rendered before: "+b.Error)
	case b.Body != a.Body:
		why = append(why, "body")
	case len(why) == 0:
		why = append(why, "http_parameters, or the rest of a long body")
	}
	return why
}

// why returns why one side does not make a delivery.
func (c *comparison) why(side int, s *slot, e *render.Event) []string {
	set := c.sides[side].Set
	if set == nil {
		return nil // a shadow rule: that it sends nothing is its state
	}
	when := [2]string{"before", "after"}[side]
	rule := set.Rule(s.bus, s.rule)
	if rule == nil {
		return []string{"there is no such rule " + when}
	}
	x, matched, err := explain.One(set, rule, e.Event, e.Envelope)
	if err != nil {
		return []string{err.Error()}
	}
	why := x.Notes
	for _, f := range x.Failures {
		why = append(why, f.String())
	}
	if matched && s.entries[side] == nil && c.sends(rule) {
		why = append(why, "the rule matches, and has no such target "+when)
	}
	return why
}
