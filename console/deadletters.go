package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"signalbox/api"
	"signalbox/audit"
	"signalbox/dlq"
)

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
