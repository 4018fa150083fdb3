package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signalbox/api"
	"signalbox/audit"
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

func badField(name, text, fix string) *api.Error {
	return &api.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("%s %q: %s", name, text, fix)}
}

// whole reads a number of a form; an empty field is 0.
func whole(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badField(name, text, "write a whole number")
	}
	return n, nil
}

// redrive returns the replay that the form means.
func (f letterForm) redrive(now time.Time) (r api.RedriveRequest, err error) {
	r.To, r.As = f.To, f.As
	if r.Filter, err = f.filter(now); err != nil {
		return r, err
	}
	r.All = r.Filter.Empty()
	if f.Rate != "" {
		if r.Rate, err = strconv.ParseFloat(f.Rate, 64); err != nil || r.Rate < 0 {
			return r, badField("rate", f.Rate, "write how many a second, such as 20")
		}
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

// groupLink returns the address of a page about the dead letters of a group.
func groupLink(to string, g dlq.Group) string {
	f := letterForm{Target: g.Target, Code: g.Code}
	if g.Status != 0 {
		f.Status = strconv.Itoa(g.Status)
	}
	return f.Link(to)
}

// letterType returns the type of a dead letter's event; its id where the event has none.
func letterType(l *dlq.Letter) string {
	var e struct {
		DetailType string `json:"detail-type"`
	}
	_ = json.Unmarshal(l.Event, &e) // a damaged one has no type
	return cmp.Or(e.DetailType, l.EventID)
}

// lettersView is what the page of the dead letters shows.
type lettersView struct {
	Form   letterForm
	Groups dlq.Groups
	// Letters are those that the filter chooses; Listed says that there is one.
	Letters dlq.Page
	Listed  bool
	Older   string
	Problem *api.Error
	// Redrives are the latest replays, and Audit is who did what.
	Redrives []dlq.Job
	Audit    []audit.Entry
}

// What is shown of each on the page of dead letters.
const (
	lettersShown  = 50
	redrivesShown = 5
	actionsShown  = 8
)

func loadLetters(v *visit) (any, error) {
	x := lettersView{Form: readLetterForm(v)}
	var err error
	if x.Groups, err = v.api.DeadLetters.Groups(v.ctx(), x.Form.Target, ""); err != nil {
		return nil, err
	}
	if err := v.listLetters(&x); err != nil {
		return nil, err
	}
	jobs, err := v.api.Redrives.List(v.ctx())
	if err != nil {
		return nil, err
	}
	x.Redrives = jobs[:min(len(jobs), redrivesShown)]
	for _, action := range []string{"deadletters.redrive", "deadletters.purge"} {
		page, err := v.api.Audit.List(v.ctx(), audit.Filter{Action: action}, "", actionsShown)
		if statusOf(err) == http.StatusNotFound { // a program that keeps none
			break
		}
		if err != nil {
			return nil, err
		}
		x.Audit = append(x.Audit, page.Entries...)
	}
	return x, nil
}

// listLetters lists the letters of a filter, where there is one.
func (v *visit) listLetters(x *lettersView) error {
	filter, err := x.Form.filter(v.now)
	if err == nil && filter.Empty() {
		return nil
	}
	x.Listed = true
	if err == nil {
		x.Letters, err = v.api.DeadLetters.List(v.ctx(), filter, v.q("cursor"), lettersShown)
	}
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		return nil // what was written stays, to be fixed
	}
	if x.Letters.Next != "" {
		x.Older = link("deadletters", append(x.Form.pairs(), "cursor", x.Letters.Next)...)
	}
	return err
}

// replayView is what is shown before dead letters are replayed, or purged.
type replayView struct {
	Form    letterForm
	Preview dlq.Preview
	// Total counts those that would be purged.
	Total   int
	Problem *api.Error
}

// loadReplay shows what a replay would do.
func loadReplay(v *visit) (any, error) {
	x := replayView{Form: readLetterForm(v)}
	request, err := x.Form.redrive(v.now)
	if err == nil {
		x.Preview, err = v.api.DeadLetters.Preview(v.ctx(), request)
	}
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		err = nil
	}
	return x, err
}

// loadPurge shows how many dead letters would be deleted.
func loadPurge(v *visit) (any, error) {
	x := replayView{Form: readLetterForm(v)}
	filter, err := x.Form.filter(v.now)
	if err != nil {
		return nil, err
	}
	done, err := v.api.DeadLetters.Purge(v.ctx(), api.PurgeRequest{Filter: filter, All: filter.Empty(), DryRun: true}, nil)
	x.Total = done.Total
	return x, err
}

func doRedrive(v *visit) (string, string, error) {
	request, err := readLetterForm(v).redrive(v.now)
	if err != nil {
		return "", "", err
	}
	job, err := v.api.DeadLetters.Redrive(v.ctx(), request)
	return link("redrive", "id", job.ID)[len(Path):], "The replay has begun.", err
}

func doPurge(v *visit) (string, string, error) {
	filter, err := readLetterForm(v).filter(v.now)
	if err != nil {
		return "", "", err
	}
	done, err := v.api.DeadLetters.Purge(v.ctx(), api.PurgeRequest{Filter: filter, All: filter.Empty()}, nil)
	return "deadletters", fmt.Sprintf("%s dead letters are deleted.", number(done.Done)), err
}
