package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"signalbox/spelling"
)

// The length of a page: where no limit is given, and at most.
const (
	defaultPage = 100
	maxPage     = 1000
)

// limitOf reads the parameter limit.
func limitOf(q url.Values, otherwise, most int) (int, error) {
	text := q.Get("limit")
	if !q.Has("limit") {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return 0, badRequest("limit %q: write a number from 1 to %d", text, most)
	}
	return limit, nil
}

// timeOf reads a parameter that is a time; zero where it is not there.
func timeOf(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if !q.Has(name) {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, badRequest("%s %q: write a time such as 2026-01-31T15:04:05Z", name, text)
	}
	return at, nil
}

// boolOf reads a parameter that is true or false; false where it is not there.
func boolOf(q url.Values, name string) (bool, error) {
	text := q.Get(name)
	if !q.Has(name) {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("%s %q: write true or false", name, text)
	}
	return on, nil
}

// badCursor is the error of a cursor that no page has given.
func badCursor(cursor string) *Error {
	problem := badRequest("cursor %q: it is not of this list, or not of this store: use the next_cursor of an earlier page", cursor)
	problem.Hint = "if what it names has gone meanwhile, list from the beginning"
	return problem
}

// checkQuery refuses a query that is malformed, and parameters that a route does not take or
// that stand twice: a filter that is not understood must not let everything through.
func checkQuery(query string, known []string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return &Error{Status: http.StatusBadRequest, Message: "query: " + err.Error(), Hint: "write % as %25 and ; as %3B"}
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch {
		case !slices.Contains(known, name):
			problem := badRequest("unknown parameter %q%s", name, spelling.Suggest(name, known))
			if problem.Hint = "this path takes no parameters"; len(known) > 0 {
				problem.Hint = "the parameters here are " + strings.Join(known, ", ")
			}
			return problem
		case len(q[name]) > 1:
			return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("%s is there %d times", name, len(q[name])), Hint: "give it once"}
		case !utf8.ValidString(q[name][0]):
			return badRequest("%s %q: it is not UTF-8", name, q[name][0])
		}
	}
	return nil
}

// page returns the part of a list that a query asks for, from the element behind the
// cursor on, which is the name of one; and the next cursor, empty at the end. Where the query
// does not say how long, a page is as long as it may be.
func page[T any](q url.Values, list []T, name func(*T) string) (part []T, next string, err error) {
	limit, err := limitOf(q, maxPage, maxPage)
	if err != nil {
		return nil, "", err
	}
	begin := 0
	if cursor := q.Get("cursor"); cursor != "" {
		begin = slices.IndexFunc(list, func(x T) bool { return name(&x) == cursor }) + 1
		if begin == 0 {
			return nil, "", badCursor(cursor)
		}
	}
	end := min(begin+limit, len(list))
	if end < len(list) && end > begin {
		next = name(&list[end-1])
	}
	return append([]T{}, list[begin:end]...), next, nil
}
