package dlq

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"signalbox/event"
	"signalbox/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// router stands for the router: two targets, of which one is gone. What redrives
// ask of it is tested with the real one.
type router struct {
	Router
	journal *journal.Journal
}

func (r *router) LaneID(target string) (journal.LaneID, bool) {
	id, ok := r.journal.Lanes()[target]
	return id, ok && target != "gone"
}

func (r *router) TargetName(id journal.LaneID) string {
	for name, l := range r.journal.Lanes() {
		if l == id {
			return name
		}
	}
	return ""
}

// fill makes a queue of n letters to "here", and one to "gone".
func fill(t *testing.T, n int) (*Queue, *router) {
	t.Helper()
	j, err := journal.Open("data", journal.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c, _ := j.Totals(); !c.Balanced() {
			t.Errorf("the accounts do not balance: %+v", c)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &router{journal: j}
	for _, name := range []string{"here", "gone", "other"} {
		if _, err := j.Lane(name); err != nil {
			t.Fatal(err)
		}
	}
	died := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n + 1 {
		target, code := "here", "TIMEOUT"
		if i == n {
			target, code = "gone", "NO_RESOURCE"
		}
		s := j.Reserve(1)
		e := event.Event{ID: fmt.Sprint(i), Source: "shop", DetailType: "T", Detail: fmt.Appendf(nil, `{"n":%d}`, i), Meta: event.Metadata{Bus: "default"}}
		meta, err := e.Meta.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		entry := journal.Entry{
			Record: journal.Record{Seq: s.At(0), Meta: meta, Envelope: e.AppendEnvelope(nil)},
			Deliveries: []journal.Delivery{{
				Seq: s.At(0), Lane: j.Lanes()[target], State: journal.Dead, Rule: fmt.Sprint("rule", i%2), RuleTarget: target, Attempts: 3,
				Death: &journal.Death{At: died.Add(time.Duration(i) * time.Minute), Code: code, Message: "why", Status: 500 + i},
			}},
		}
		if err := j.Append([]journal.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	return New(j, r), r
}

func eventIDs(letters []*Letter) (ids []string) {
	for _, l := range letters {
		ids = append(ids, l.EventID)
	}
	return ids
}

func TestListFilters(t *testing.T) {
	q, _ := fill(t, 4)
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
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
	q, _ := fill(t, 6)
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
	q, _ := fill(t, 3)
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
	q, r := fill(t, 4)
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
	if c, _ := r.journal.Totals(); c.Dropped != 2 || c.Dead != 3 {
		t.Errorf("got %+v", c)
	}
}
