package console

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"signalbox/api"
	"signalbox/replay"
)

// pastForm is a replay of past events as it is written.
type pastForm struct {
	Name, Since, Until, Bus, Archive, Pattern, Rule, Target, Rate string
	AsPlanned, AsNew                                              bool
}

func readPastForm(v *visit) pastForm {
	q := func(name string) string { return strings.TrimSpace(v.q(name)) }
	return pastForm{
		Name: q("name"), Since: q("since"), Until: q("until"), Bus: q("bus"), Archive: q("archive"), Pattern: q("pattern"), Rule: q("rule"),
		Target: q("target"), Rate: q("rate"), AsPlanned: q("as_planned") != "", AsNew: q("as_new") != "",
	}
}

// request returns the replay that the form means.
func (f pastForm) request(now time.Time) (r replay.Request, err error) {
	r = replay.Request{Name: f.Name, Bus: f.Bus, Archive: f.Archive, Rule: f.Rule, Target: f.Target, AsPlanned: f.AsPlanned, AsNew: f.AsNew}
	if f.Pattern != "" {
		r.Pattern = json.RawMessage(f.Pattern)
		if !json.Valid(r.Pattern) {
			return r, badField("pattern", f.Pattern, "write it as JSON")
		}
	}
	if r.Rate, err = perSecond("rate", f.Rate); err != nil {
		return r, err
	}
	if r.Since, err = timeOf("since", f.Since, now); err == nil {
		r.Until, err = timeOf("until", f.Until, now)
	}
	return r, err
}

// Fields are those of the form that are set.
func (f pastForm) Fields() map[string]string {
	all := map[string]string{
		"name": f.Name, "since": f.Since, "until": f.Until, "bus": f.Bus, "archive": f.Archive, "pattern": f.Pattern, "rule": f.Rule,
		"target": f.Target, "rate": f.Rate,
	}
	if f.AsPlanned {
		all["as_planned"] = "on"
	}
	if f.AsNew {
		all["as_new"] = "on"
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// pastStart is what is shown before past events are replayed.
type pastStart struct {
	Form pastForm
	// Preview is nil until a since is given.
	Preview *replay.Preview
	Problem *api.Error
}

// loadAgain shows what a replay of past events would do.
func loadAgain(v *visit) (any, error) {
	x := pastStart{Form: readPastForm(v)}
	if x.Form.Since == "" {
		return x, nil
	}
	request, err := x.Form.request(v.now)
	if err == nil {
		var p replay.Preview
		p, err = v.api.Replays.Preview(v.ctx(), request)
		x.Preview = &p
	}
	if errors.As(err, &x.Problem) && (x.Problem.Status == http.StatusBadRequest || x.Problem.Status == http.StatusNotFound || x.Problem.Status == http.StatusConflict) {
		x.Preview, err = nil, nil // what was written stays, to be fixed
	}
	return x, err
}

func beginReplay(v *visit) (string, string, error) {
	request, err := readPastForm(v).request(v.now)
	if err != nil {
		return "", "", err
	}
	job, err := v.api.Replays.Begin(v.ctx(), request)
	return link("past", "name", job.Name)[len(Path):], "The replay has begun.", err
}
