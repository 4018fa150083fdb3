package state_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signalbox/archive/past"
	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/state"
)

// customer is an audit message about a customer.
func customer(detail string) *event.Event {
	return &event.Event{Source: "shop.customers", DetailType: "CustomerState", Detail: []byte(detail), Meta: event.Metadata{Kind: event.KindAudit}}
}

// kept is a journal in memory, with the reader of its states.
type kept struct {
	*state.Reader
	t       *testing.T
	journal *store.Journal
}

func open(t *testing.T) *kept {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return &kept{Reader: state.NewReader(j, past.Of(j.Events, j.Seqs), func() *catalog.Catalog { return nil }), t: t, journal: j}
}

// accept appends an event as the router does.
func (s *kept) accept(e *event.Event) {
	s.t.Helper()
	at := s.journal.Seqs.Reserve(1)
	defer at.Release()
	e.ID, e.Meta.Received = journal.NewEventID(at.First), at.First.Time()
	told, err := state.Told(nil, e)
	if err != nil {
		s.t.Fatal(err)
	}
	meta, err := e.Meta.AppendBinary(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	entry := journal.Entry{Record: journal.Record{Seq: at.First, Meta: meta, Envelope: e.AppendEnvelope(nil)}, Object: told}
	if err := s.journal.Append([]journal.Entry{entry}); err != nil {
		s.t.Fatal(err)
	}
}

func TestAnAuditTellsTheStateOfItsObject(t *testing.T) {
	for _, tc := range []struct {
		name, detail, partition string
		key, state              string
		gone                    bool
	}{
		{"an id", `{"id":"eu/42.a","tier":"gold"}`, "", "eu/42.a", `{"id":"eu/42.a","tier":"gold"}`, false},
		{"a number", `{"id":42.0}`, "", "42.0", `{"id":42.0}`, false},
		{"data and metadata", `{"metadata":{"x":1},"data":{"id":"7"}}`, "", "7", `{"id":"7"}`, false},
		{"a partition key", `{"id":"42"}`, "p", "p", `{"id":"42"}`, false},
		{"deleted", `{"id":"42","deleted":true}`, "", "42", `{"id":"42","deleted":true}`, true},
		{"deleted by its metadata", `{"metadata":{"deleted":true},"id":"42"}`, "", "42", `{"metadata":{"deleted":true},"id":"42"}`, true},
		{"no data left", `{"id":"42","data":null}`, "", "42", `{"id":"42","data":null}`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t)
			e := customer(tc.detail)
			e.Meta.PartitionKey = tc.partition
			s.accept(&event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"id":"42"}`)})
			s.accept(e)
			o, err := s.Get("CustomerState", tc.key, "")
			if err != nil {
				t.Fatal(err)
			}
			if o.EventID != e.ID || string(o.State) != tc.state || o.Gone != tc.gone || o.Source != "shop.customers" || !o.Updated.Equal(e.Meta.Received) {
				t.Errorf("got %+v, state %s", o, o.State)
			}
			if types, more, err := s.Types("", 1); err != nil || more || !slices.Equal(types, []string{"CustomerState"}) {
				t.Errorf("types %v, %v", types, err)
			}
		})
	}
}

func TestAnAuditMustNameItsObject(t *testing.T) {
	for detail, want := range map[string]string{
		`{"customer":"42"}`: "detail.data.id, or at detail.id",
		`{"id":["42"]}`:     "detail.data.id, or at detail.id",
		fmt.Sprintf(`{"id":"%s"}`, strings.Repeat("4", 1025)): "at most 1024 bytes",
		`[]`: "Detail is malformed",
	} {
		var refused *event.Error
		if o, err := state.Told(nil, customer(detail)); o != nil || !errors.As(err, &refused) || !strings.Contains(refused.Message, want) {
			t.Errorf("%.40s: got %v, %v", detail, o, err)
		}
	}
}

func TestVersionsOfAState(t *testing.T) {
	s := open(t)
	first, second, other := customer(`{"id":"1","n":1}`), customer(`{"id":"1","n":2}`), customer(`{"id":"2"}`)
	s.accept(first)
	was, err := s.Get("CustomerState", "1", "")
	if err != nil {
		t.Fatal(err)
	}
	s.accept(second)
	s.accept(other)
	is, err := s.Get("CustomerState", "1", "")
	if err != nil || is.EventID != second.ID || is.Version <= was.Version {
		t.Fatalf("the latest: got %+v, %v", is, err)
	}
	old, err := s.Get("CustomerState", "1", was.Version)
	if err != nil || old.EventID != first.ID || string(old.State) != `{"id":"1","n":1}` {
		t.Errorf("the version before: got %+v, %v", old, err)
	}
	foreign, err := s.Get("CustomerState", "2", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{foreign.Version, "1", "x", "-1"} {
		if o, err := s.Get("CustomerState", "1", version); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("version %q: got %+v, %v", version, o, err)
		}
	}
	states, more, err := s.List("CustomerState", "", "", 1)
	if err != nil || len(states) != 1 || !more || states[0].EventID != second.ID {
		t.Errorf("listed: %+v, %v, %v", states, more, err)
	}
	if states, more, err = s.List("CustomerState", "", "1", 5); err != nil || len(states) != 1 || more || states[0].Key != "2" {
		t.Errorf("after the first: %+v, %v, %v", states, more, err)
	}
}
