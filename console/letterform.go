package console

import (
	"encoding/json"
	"strings"
	"time"

	"signalbox/api"
	"signalbox/dlq"
)

// letterForm is a filter of dead letters as it is written, and how they are replayed.
type letterForm struct {
	ID, Target, Rule, Bus, Code, Status, Since, Until, Pattern string
	// To, As, Rate, Limit and Attempts are of a replay.
	To, As, Rate, Limit, Attempts string
}

func readLetterForm(v *visit) letterForm {
	q := func(name string) string { return strings.TrimSpace(v.q(name)) }
	return letterForm{
		ID: q("id"), Target: q("target"), Rule: q("rule"), Bus: q("bus"), Code: q("error_code"), Status: q("status"),
		Since: q("since"), Until: q("until"), Pattern: q("pattern"),
		To: q("to"), As: q("as"), Rate: q("rate"), Limit: q("limit"), Attempts: q("attempts"),
	}
}

// filter returns the filter that the form means.
func (f letterForm) filter(now time.Time) (x dlq.Filter, err error) {
	x = dlq.Filter{Target: f.Target, Rule: f.Rule, Bus: f.Bus, Code: f.Code}
	if f.ID != "" {
		x.IDs = []string{f.ID}
	}
	if f.Pattern != "" {
		x.Pattern = json.RawMessage(f.Pattern)
		if !json.Valid(x.Pattern) {
			return x, badField("pattern", f.Pattern, "write it as JSON")
		}
	}
	if x.Status, err = whole("status", f.Status); err != nil {
		return x, err
	}
	if x.Since, err = timeOf("since", f.Since, now); err == nil {
		x.Until, err = timeOf("until", f.Until, now)
	}
	return x, err
}

// redrive returns the replay that the form means.
func (f letterForm) redrive(now time.Time) (r api.RedriveRequest, err error) {
	r.To, r.As = f.To, f.As
	if r.Filter, err = f.filter(now); err != nil {
		return r, err
	}
	r.All = r.Filter.Empty()
	if r.Rate, err = perSecond("rate", f.Rate); err != nil {
		return r, err
	}
	if r.Limit, err = whole("limit", f.Limit); err == nil {
		r.Attempts, err = whole("attempts", f.Attempts)
	}
	return r, err
}

// pairs are the names and values of the filter, for links and for fields that are out of sight.
func (f letterForm) pairs() []string {
	return []string{"id", f.ID, "target", f.Target, "rule", f.Rule, "bus", f.Bus, "error_code", f.Code, "status", f.Status, "since", f.Since, "until", f.Until, "pattern", f.Pattern}
}

// Chosen are those fields of the filter that are set.
func (f letterForm) Chosen() (all []field) {
	p := f.pairs()
	for i := 0; i < len(p); i += 2 {
		if p[i+1] != "" {
			all = append(all, field{p[i], p[i+1]})
		}
	}
	return all
}

// Link returns the address of a page with the filter.
func (f letterForm) Link(to string) string { return link(to, f.pairs()...) }

type field struct{ Name, Value string }
