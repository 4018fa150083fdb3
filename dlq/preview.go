package dlq

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"signalbox/journal"
	"signalbox/targets"
)

// Preview is what a redrive would do now.
type Preview struct {
	// Total is how many letters are meant, Send how many of them would be sent.
	Total int `json:"total"`
	Send  int `json:"send"`
	// Changed counts those of Send whose body is not what was planned.
	Changed int `json:"changed"`
	// Targets counts those of Send by target, Skips the others by reason.
	Targets map[string]int `json:"targets"`
	Skips   map[string]int `json:"skips,omitempty"`
	// Letters are the first of them, as many as were asked for.
	Letters []PreviewedLetter `json:"letters"`
}

// PreviewedLetter is what would become of one letter.
type PreviewedLetter struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Bus     string `json:"bus"`
	Rule    string `json:"rule"`
	Target  string `json:"target"`
	// Skip is why it would stay in the queue.
	Skip *Skip `json:"skip,omitempty"`
	// Error is why the request can't be rendered: the delivery would die again.
	Error string `json:"error,omitempty"`
	// Request is what would be sent, with secrets masked, and Changes is where it
	// differs from what was sent last. What differs each time (the number of the
	// attempt and its span, the time, the signature) is left out.
	Request *targets.Request `json:"request,omitempty"`
	Changes []Change         `json:"changes,omitempty"`
}

// Change is a difference between two requests.
type Change struct {
	// Field is "method", "address", "body", or "header " and a name.
	Field string `json:"field"`
	Was   string `json:"was"`
	Now   string `json:"now"`
}

// Preview returns what a redrive would do now, one by one for the first show of the
// dead letters, and changes nothing.
func (q *Queue) Preview(ctx context.Context, o Redrive, show int) (Preview, error) {
	p := Preview{Targets: map[string]int{}, Letters: []PreviewedLetter{}}
	if err := o.check(q.opts.Lanes); err != nil {
		return p, err
	}
	m, err := o.Filter.compile()
	if err != nil {
		return p, err
	}
	err = q.walk(ctx, m, journal.Cursor{}, func(l *Letter) error {
		if o.Limit > 0 && p.Total >= o.Limit {
			return errStop
		}
		return q.previewOne(&p, o, l, show)
	})
	return p, err
}

func (q *planner) previewOne(p *Preview, o Redrive, l *Letter, show int) error {
	p.Total++
	shown := PreviewedLetter{ID: l.ID, EventID: l.EventID, Bus: l.Bus, Rule: l.Rule, Target: l.Target}
	r, err := q.rendering(o, l)
	switch {
	case errors.As(err, &shown.Skip):
		if p.Skips == nil {
			p.Skips = map[string]int{}
		}
		p.Skips[shown.Skip.Code]++
	case err != nil:
		return err
	default:
		p.Send++
		p.Targets[r.Target]++
		if (r.Body == nil) != (l.place.Body == nil) || string(r.Body) != string(l.place.Body) {
			p.Changed++
		}
		shown.Target = r.Target
	}
	if len(p.Letters) >= show {
		return nil
	}
	if shown.Skip == nil {
		q.render(&shown, l, r)
	}
	p.Letters = append(p.Letters, shown)
	return nil
}

// render fills in the request, and how it differs from the last one.
func (q *planner) render(shown *PreviewedLetter, l *Letter, r Rendering) {
	d := targets.Delivery{
		ID: l.ID, EventID: l.EventID, Bus: l.Bus, Rule: l.Rule, RuleTarget: l.RuleTarget, Target: r.Target,
		Attempt: l.Attempts + 1, Envelope: l.Event, Body: r.Body, Meta: &l.parsed.Meta,
	}
	if r.Notice {
		d.Envelope, d.Body = r.Body, nil
	}
	req, err := q.opts.Request(r.Target, &d)
	if err != nil {
		shown.Error = err.Error()
		return
	}
	shown.Request = &req
	if was, ok := l.lastRequest(); ok {
		shown.Changes = changes(was, req)
	}
}

// lastRequest is what was sent last, or would have been; false if that is not
// known.
func (l *Letter) lastRequest() (r targets.Request, ok bool) {
	if len(l.Request) == 0 || json.Unmarshal(l.Request, &r) != nil {
		return r, false
	}
	switch {
	case r.Body != "":
	case l.Body != nil:
		r.Body = *l.Body
	default:
		r.Body = string(l.Event)
	}
	return r, true
}

// fleeting are the headers that differ each time.
var fleeting = []string{"X-Signalbox-Attempt", "Traceparent", "X-Amzn-Trace-Id", "Webhook-Timestamp", "Webhook-Signature"}

// changes lists where two requests differ.
func changes(was, now targets.Request) (all []Change) {
	differ := func(field, a, b string) {
		if a != b {
			all = append(all, Change{field, a, b})
		}
	}
	differ("method", was.Method, now.Method)
	differ("address", was.Address, now.Address)
	names := maps.Clone(was.Headers)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, now.Headers)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.ContainsFunc(fleeting, func(f string) bool { return strings.EqualFold(f, name) }) {
			differ("header "+name, was.Headers[name], now.Headers[name])
		}
	}
	differ("body", was.Body, now.Body)
	return all
}
