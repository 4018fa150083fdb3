package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/dlq"
)

// The number of letters on a page: where none is asked for, and at most.
const (
	defaultPage = 100
	maxPage     = 1000
)

// deadLetterRoutes serves the dead letters.
type deadLetterRoutes struct{ *api }

func (a deadLetterRoutes) listDeadLetters(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	filter, err := filterOf(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	limit, err := limitOf(q)
	if err != nil {
		a.fail(w, err)
		return
	}
	page, err := a.Router.DeadLetters.List(filter, q.Get("cursor"), limit)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, page)
}

// limitOf reads how long a page may be.
func limitOf(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, badRequest("limit %q: write a number from 1 to %d", text, maxPage)
	}
	return limit, nil
}

func (a deadLetterRoutes) getDeadLetter(w http.ResponseWriter, r *http.Request) {
	letter, err := a.Router.DeadLetters.Get(r.PathValue("id"))
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, letter)
}

// filterOf reads a filter from the query of a request.
func filterOf(q url.Values) (dlq.Filter, error) {
	f := dlq.Filter{Target: q.Get("target"), Rule: q.Get("rule"), Bus: q.Get("bus"), Code: q.Get("error_code")}
	var err error
	if f.Since, err = timeOf(q, "since"); err != nil {
		return f, err
	}
	if f.Until, err = timeOf(q, "until"); err != nil {
		return f, err
	}
	if text := q.Get("status"); text != "" {
		status, err := strconv.Atoi(text)
		if err != nil || status < 1 {
			return f, badRequest("status %q: write an HTTP status such as 503", text)
		}
		f.Status = status
	}
	if p := q.Get("pattern"); p != "" {
		f.Pattern = json.RawMessage(p)
	}
	return f, nil
}

// queryOf writes a filter as the query of a request; filterOf reads it.
func queryOf(f dlq.Filter) url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("target", f.Target)
	set("rule", f.Rule)
	set("bus", f.Bus)
	set("error_code", f.Code)
	set("pattern", string(f.Pattern))
	if f.Status != 0 {
		q.Set("status", strconv.Itoa(f.Status))
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.Format(time.RFC3339Nano))
	}
	if !f.Until.IsZero() {
		q.Set("until", f.Until.Format(time.RFC3339Nano))
	}
	return q
}
