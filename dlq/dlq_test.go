package dlq

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestListFilters(t *testing.T) {
	q := fill(t, 4)
	at := func(minute int) time.Time { return time.Date(1999, 1, 1, 0, minute, 0, 0, time.UTC) }
	all, err := q.List(Filter{}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		filter Filter
		want   []string
	}{
		"all":      {Filter{}, []string{"0", "1", "2", "3", "4"}},
		"target":   {Filter{Target: "gone"}, []string{"4"}},
		"rule":     {Filter{Rule: "rule1"}, []string{"1", "3"}},
		"code":     {Filter{Code: "TIMEOUT", Rule: "rule0"}, []string{"0", "2"}},
		"status":   {Filter{Status: 503}, []string{"3"}},
		"bus":      {Filter{Bus: "another"}, nil},
		"time":     {Filter{Since: at(1), Until: at(3)}, []string{"1", "2"}},
		"pattern":  {Filter{Pattern: json.RawMessage(`{"detail":{"n":[{"numeric":[">=",2]}]}}`)}, []string{"2", "3", "4"}},
		"ids":      {Filter{IDs: []string{all.Letters[3].ID, all.Letters[1].ID}}, []string{"1", "3"}},
		"no match": {Filter{Pattern: json.RawMessage(`{"source":["none"]}`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := q.List(tc.filter, "", 10)
			if err != nil || !slices.Equal(eventIDs(page.Letters), tc.want) || page.Next != "" {
				t.Errorf("got %v, next %q, %v; want %v", eventIDs(page.Letters), page.Next, err, tc.want)
			}
		})
	}
	var bad *BadRequest
	if _, err := q.List(Filter{Pattern: json.RawMessage(`{"source":"x"}`)}, "", 10); !errors.As(err, &bad) {
		t.Errorf("a faulty pattern: got %v", err)
	}
	if _, err := q.List(Filter{IDs: make([]string, maxIDs+1)}, "", 10); !errors.As(err, &bad) {
		t.Errorf("too many ids: got %v", err)
	}
	if _, err := q.List(Filter{}, "x", 10); !errors.As(err, &bad) {
		t.Errorf("a faulty cursor: got %v", err)
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	q := fill(t, 6)
	var got []string
	next := ""
	for range 10 {
		page, err := q.List(Filter{}, next, 3)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, eventIDs(page.Letters)...)
		if next = page.Next; next == "" {
			break
		}
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestGet(t *testing.T) {
	q := fill(t, 3)
	page, err := q.List(Filter{}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	l, err := q.Get(page.Letters[2].ID)
	if err != nil || l.EventID != "2" || l.ErrorMessage != "why" || l.Attempts != 3 || l.RetryAttempts != 2 {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, id := range []string{"", "none", "019a0000-0000-8000-8000-000000000000"} {
		if _, err := q.Get(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

func TestPurgeDrops(t *testing.T) {
	q := fill(t, 4)
	if p, err := q.Purge(t.Context(), Filter{Rule: "rule1"}, true, nil); err != nil || p.Total != 2 || p.Done != 0 {
		t.Errorf("dry run: %+v, %v", p, err)
	}
	if p, err := q.Purge(t.Context(), Filter{Rule: "rule1"}, false, nil); err != nil || p.Done != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
	left, err := q.List(Filter{}, "", 10)
	if err != nil || !slices.Equal(eventIDs(left.Letters), []string{"0", "2", "4"}) {
		t.Errorf("left: %v, %v", eventIDs(left.Letters), err)
	}
	if c, _ := q.lanes.journal.Counters.Totals(); c.Dropped != 2 || c.Dead != 3 {
		t.Errorf("got %+v", c)
	}
}
