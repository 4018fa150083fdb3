package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"signalbox/api"
	"signalbox/rules/pattern"
	"signalbox/rules/playground"
)

// indented returns JSON as people write it; what is none as it is.
func indented(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// marksOf are what is told of an event's values: why they do not meet a pattern.
func marksOf(failures []pattern.Failure) map[string][]string {
	marks := map[string][]string{}
	for _, f := range failures {
		text := "wanted " + f.Expected
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		marks[f.Path] = append(marks[f.Path], text)
	}
	return marks
}

// missing are the failures of fields that an event does not have, which have no line to mark.
func missing(lines []jsonLine, failures []pattern.Failure) (all []pattern.Failure) {
	for _, f := range failures {
		if !slices.ContainsFunc(lines, func(l jsonLine) bool { return l.Path == f.Path && len(l.Marks) > 0 }) {
			all = append(all, f)
		}
	}
	return all
}

// playgroundView is what the playground shows.
type playgroundView struct {
	Event, Name, Pattern, When, Transform string
	Result                                playground.Result
	// Problem is why the event can't be tried.
	Problem *api.Error
	Lines   []jsonLine
	Missing []pattern.Failure
}

const (
	playEvent   = "{\n  \"source\": \"shop.orders\",\n  \"detail-type\": \"OrderCreated\",\n  \"detail\": {\n    \"orderId\": \"6101\",\n    \"total\": 90,\n    \"paid\": 0\n  }\n}"
	playPattern = "{\n  \"source\": [\"shop.orders\"],\n  \"detail\": {\n    \"total\": [{\"numeric\": [\">\", 100]}]\n  }\n}"
)

// loadPlayground begins with an event that is kept, if one is named, or with an example.
func loadPlayground(v *visit) (any, error) {
	x := playgroundView{Event: v.r.FormValue("event"), Name: v.q("name"), Pattern: v.r.FormValue("pattern"), When: v.q("when"), Transform: v.q("transform")}
	if x.Pattern == "" {
		x.Pattern = playPattern
	}
	if id := v.q("id"); id != "" && x.Event == "" {
		e, err := v.api.Events.Get(v.ctx(), id)
		if err != nil {
			return nil, err
		}
		x.Event = indented(e.Event)
	}
	if x.Event == "" {
		x.Event = playEvent
	}
	return v.try(x)
}

// try judges what is written.
func (v *visit) try(x playgroundView) (playgroundView, error) {
	for _, field := range []struct{ name, text string }{{"event", x.Event}, {"pattern", x.Pattern}} {
		if err := json.Unmarshal([]byte(field.text), new(any)); err != nil {
			x.Problem = &api.Error{Status: http.StatusBadRequest, Message: field.name + ": " + err.Error(), Hint: "write it as JSON"}
			return x, nil
		}
	}
	var err error
	x.Result, err = v.api.Events.Try(v.ctx(), playground.Trial{
		Event: json.RawMessage(x.Event), Name: strings.TrimSpace(x.Name), Pattern: json.RawMessage(x.Pattern), When: strings.TrimSpace(x.When), Transform: strings.TrimSpace(x.Transform),
	})
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		return x, nil
	}
	x.Lines = jsonLines(x.Result.Event, marksOf(x.Result.Failures))
	x.Missing = missing(x.Lines, x.Result.Failures)
	return x, err
}

// judge answers with what the playground shows of what is being typed.
func (c *Console) judge(w http.ResponseWriter, r *http.Request) {
	v := c.sent(w, r)
	if v == nil {
		return
	}
	x, err := loadPlayground(v)
	if err != nil {
		v.fail(err)
		return
	}
	var html bytes.Buffer
	if err := playgroundPage.template.ExecuteTemplate(&html, "judged", view{Data: x}); err != nil {
		v.fail(err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = html.WriteTo(w) // a viewer who has gone misses nothing
}
