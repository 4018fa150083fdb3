package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// outcomes are the ids of a page with what came of each.
func outcomes(page Page) (list []string) {
	for _, e := range page.Events {
		list = append(list, e.ID+" "+string(e.Outcome))
	}
	return list
}

// story has an event of each outcome, the last one accepted first.
func story(t *testing.T) *kept {
	s := open(t, true)
	at := time.Now()
	for _, name := range []string{"unmatched", "pending", "waiting", "dead", "dropped", "mixed", "delivered"} {
		e := order(1)
		e.ID = name
		switch name {
		case "unmatched":
			s.accept(0, e)
			continue
		case "mixed":
			e.Source, e.Meta.Bus, e.Meta.CorrelationID = "shop.returns", "returns", "c-1"
		}
		s.accept(2, e)
		switch name {
		case "pending":
			s.end(e, 0, journal.Answered{At: at, Status: 204}, nil, journal.Delivered)
		case "waiting":
			s.end(e, 0, journal.Answered{At: at, Status: 500}, func(d *journal.Delivery) {
				d.State, d.Attempts, d.Due = journal.Waiting, 1, at.Add(time.Hour)
				d.Remember(journal.Attempt{At: at, Attempt: 1, Code: "ERROR_FROM_TARGET", Status: 500})
			}, journal.NotEnded)
		case "dead":
			s.end(e, 0, journal.Answered{At: at, Status: 204}, nil, journal.Delivered)
			s.end(e, 1, journal.Answered{}, func(d *journal.Delivery) {
				d.State, d.Death = journal.Dead, &journal.Death{At: at, Code: "NO_RESOURCE", Status: 404}
			}, journal.NotEnded)
		case "dropped":
			s.end(e, 0, journal.Answered{}, nil, journal.Dropped)
			s.end(e, 1, journal.Answered{}, nil, journal.Dropped)
		default:
			s.end(e, 0, journal.Answered{At: at, Status: 204}, nil, journal.Delivered)
			s.end(e, 1, journal.Answered{}, nil, journal.Dropped)
		}
	}
	return s
}

func TestSearch(t *testing.T) {
	s := story(t)
	all := []string{"delivered delivered", "mixed delivered", "dropped dropped", "dead dead", "waiting pending", "pending pending", "unmatched unmatched"}
	pick := func(names ...string) (list []string) {
		for _, x := range all {
			if name, _, _ := strings.Cut(x, " "); slices.Contains(names, name) {
				list = append(list, x)
			}
		}
		return list
	}
	for name, tt := range map[string]struct {
		filter Filter
		want   []string
	}{
		"all":                   {Filter{}, all},
		"dead":                  {Filter{Outcome: OutcomeDead}, pick("dead")},
		"pending":               {Filter{Outcome: OutcomePending}, pick("pending", "waiting")},
		"delivered":             {Filter{Outcome: OutcomeDelivered}, pick("delivered", "mixed")},
		"dropped":               {Filter{Outcome: OutcomeDropped}, pick("dropped")},
		"unmatched":             {Filter{Outcome: OutcomeUnmatched}, pick("unmatched")},
		"by bus":                {Filter{Bus: "returns"}, pick("mixed")},
		"by source":             {Filter{Source: "shop.returns"}, pick("mixed")},
		"by source and outcome": {Filter{Source: "shop.orders", Outcome: OutcomeDelivered}, pick("delivered")},
		"by a part of a source": {Filter{Source: "shop"}, nil},
		"by type":               {Filter{DetailType: "OrderCreated"}, all},
		"by id":                 {Filter{ID: "dead"}, pick("dead")},
		"by id and another bus": {Filter{ID: "dead", Bus: "returns"}, nil},
		"by no id":              {Filter{ID: "none"}, nil},
		"by correlation":        {Filter{CorrelationID: "c-1"}, pick("mixed")},
		"by no correlation":     {Filter{CorrelationID: "c-2"}, nil},
		"by target":             {Filter{Target: "mail"}, pick("delivered", "mixed", "dropped", "dead", "waiting", "pending")},
		"by no target":          {Filter{Target: "none"}, nil},
		"by rule":               {Filter{Rule: "tell", Outcome: OutcomeDead}, pick("dead")},
		"by text":               {Filter{Text: "SHOP.RETURNS"}, pick("mixed")},
		"by pattern":            {Filter{Pattern: json.RawMessage(`{"source": [{"suffix": ".returns"}]}`)}, pick("mixed")},
		"before there was any":  {Filter{Until: time.Now().Add(-time.Hour)}, nil},
		"of the last hour":      {Filter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}, all},
	} {
		page, err := s.Search(t.Context(), tt.filter, "", 100, false)
		if got := outcomes(page); err != nil || !slices.Equal(got, tt.want) || page.Next != "" {
			t.Errorf("%s: %q, next %q (%v), want %q", name, got, page.Next, err, tt.want)
		}
		var paged []string
		for cursor, more := "", true; more; more = cursor != "" {
			page, err := s.Search(t.Context(), tt.filter, cursor, 1, true)
			if err != nil || len(page.Events) > 1 {
				t.Fatalf("%s: %+v, %v", name, page, err)
			}
			for _, e := range page.Events {
				if !json.Valid(e.Event) {
					t.Errorf("%s: the envelope is %q", name, e.Event)
				}
			}
			paged, cursor = append(paged, outcomes(page)...), page.Next
		}
		if !slices.Equal(paged, tt.want) {
			t.Errorf("%s, one by one: %q, want %q", name, paged, tt.want)
		}
	}
	page, err := s.Search(t.Context(), Filter{ID: "dead"}, "", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := page.Events[0].Deliveries[1]; d.Code != "NO_RESOURCE" || d.Status != 404 || d.Target != "mail" || d.Rule != "tell" || d.State != journal.TouchDead {
		t.Errorf("the dead one is %+v", d)
	}
	if page, err = s.Search(t.Context(), Filter{ID: "waiting"}, "", 1, false); err != nil || page.Events[0].Deliveries[0].Code != "ERROR_FROM_TARGET" || page.Events[0].Deliveries[0].Status != 500 {
		t.Errorf("the waiting one is %+v, %v", page.Events[0], err)
	}
}

func TestSearchRefusesWhatCanNotBeRight(t *testing.T) {
	s := story(t)
	for name, tt := range map[string]struct {
		filter Filter
		cursor string
		want   string
	}{
		"outcome":  {Filter{Outcome: "deda"}, "", `outcome "deda" (did you mean "dead"?): write one of dead, pending`},
		"future":   {Filter{Since: time.Now().Add(time.Hour)}, "", "lies in the future"},
		"nothing":  {Filter{Since: time.Unix(1000, 0), Until: time.Unix(1000, 0)}, "", "no event lies between"},
		"pattern":  {Filter{Pattern: json.RawMessage(`{"source": "x"}`)}, "", "pattern: "},
		"cursor":   {Filter{}, "-1", "not of this store"},
		"cursor 2": {Filter{}, "ZZ", "not of this store"},
		"cursor 3": {Filter{}, strings.Repeat("z", 40), "not of this store"},
	} {
		var bad *BadRequest
		if _, err := s.Search(t.Context(), tt.filter, tt.cursor, 10, false); !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	for name, f := range map[string]Filter{"outcome": {Outcome: OutcomeDead}, "until": {Until: time.Now()}, "since": {Since: time.Now().Add(time.Hour)}} {
		var bad *BadRequest
		if err := s.Follow(t.Context(), f, "", false, func(Followed) error { return errors.New("called") }); !errors.As(err, &bad) || !strings.Contains(err.Error(), name) {
			t.Errorf("follow with %s: %v", name, err)
		}
	}
}

// TestAPageOfASearchIsBoundedInWork: few of many events match.
func TestAPageOfASearchIsBoundedInWork(t *testing.T) {
	s := open(t, true)
	first := order(0)
	first.ID = "needle"
	s.accept(0, first)
	for range 5 {
		var evs []*event.Event
		for i := range 1000 {
			evs = append(evs, order(i))
		}
		s.accept(0, evs...)
	}
	page, err := s.Search(t.Context(), Filter{Text: "needle"}, "", 1, false)
	if err != nil || len(page.Events) != 0 || page.Looked != maxLooked || page.Next == "" || page.LookedTo.IsZero() {
		t.Fatalf("the first page: %d events of %d, next %q (%v)", len(page.Events), page.Looked, page.Next, err)
	}
	page, err = s.Search(t.Context(), Filter{Text: "needle"}, page.Next, 1, false)
	if err != nil || len(page.Events) != 1 || page.Looked != 5_001-maxLooked || page.Next != "" {
		t.Errorf("the second page: %d events of %d, next %q (%v)", len(page.Events), page.Looked, page.Next, err)
	}
	big := order(1)
	big.Detail = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", maxContent/3))
	for range 4 {
		big.ID = ""
		s.accept(0, big)
	}
	page, err = s.Search(t.Context(), Filter{}, "", 4, true)
	if err != nil || len(page.Events) != 2 || page.Next == "" {
		t.Errorf("large events: %d in a page, next %q (%v)", len(page.Events), page.Next, err)
	}
	if page, err = s.Search(t.Context(), Filter{}, page.Next, 2, true); err != nil || len(page.Events) != 2 {
		t.Errorf("large events: %d in the next page (%v)", len(page.Events), err)
	}
}

func TestWithoutTracesTheOutcomeIsUnknown(t *testing.T) {
	s := open(t, false)
	e := order(1)
	s.accept(1, e)
	s.accept(0, order(2))
	page, err := s.Search(t.Context(), Filter{}, "", 10, false)
	if err != nil || len(page.Events) != 2 || page.Events[0].Outcome != OutcomeUnknown || page.Events[1].Outcome != OutcomePending {
		t.Errorf("%q, %v", outcomes(page), err)
	}
}

// TestFollowMissesNothing is cut off again and again while events come.
func TestFollowMissesNothing(t *testing.T) {
	s := open(t, true)
	const total = 1000
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for i := range total {
			e := order(i)
			e.ID = fmt.Sprint("e-", i)
			s.accept(1, e, &event.Event{Source: "other", DetailType: "Noise", Detail: []byte("{}")})
		}
	}()
	since := time.Now().Add(-time.Minute)
	cursor, cut := "", errors.New("cut off")
	var got []string
	for len(got) < total {
		err := s.Follow(t.Context(), Filter{Source: "shop.orders", Since: since}, cursor, true, func(next Followed) error {
			for i, e := range next.Events {
				if e.Outcome != OutcomePending || len(e.Deliveries) != 1 || e.Event == nil {
					t.Errorf("got %+v", e)
				}
				got, cursor = append(got, e.ID), e.After
				if i == 20 {
					return cut
				}
			}
			if cursor = next.Cursor; len(got) == total {
				return cut
			}
			return nil
		})
		if !errors.Is(err, cut) {
			t.Fatal(err)
		}
	}
	<-accepted
	for i, id := range got {
		if id != fmt.Sprint("e-", i) {
			t.Fatalf("event %d is %s", i, id)
		}
	}
}

func TestFollowBeginsWithTheNextEvent(t *testing.T) {
	s := open(t, true)
	s.accept(0, order(1))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := s.Follow(ctx, Filter{}, "", false, func(next Followed) error {
		switch calls++; calls {
		case 1:
			if len(next.Events) != 0 {
				t.Errorf("it begins with %d", len(next.Events))
			}
			s.accept(0, order(2))
		case 2:
			if len(next.Events) != 1 || len(next.Missing) > 0 {
				t.Errorf("it goes on with %+v", next)
			}
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestFollowTellsOfAGap(t *testing.T) {
	s := open(t, true)
	s.accept(0, order(1))
	stop := errors.New("enough")
	err := s.Follow(t.Context(), Filter{}, s.cursor(stream, 1), false, func(next Followed) error {
		if len(next.Missing) != 1 || len(next.Events) != 1 {
			t.Errorf("got %+v", next)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
}
