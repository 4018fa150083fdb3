package trace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// Listed is an event in a list, with what has come of it by now.
type Listed struct {
	ID            string     `json:"id"`
	DetailType    string     `json:"detail_type"`
	Source        string     `json:"source"`
	Bus           string     `json:"bus"`
	Kind          event.Kind `json:"kind,omitempty"`
	Received      time.Time  `json:"received"`
	Synthetic     bool       `json:"synthetic,omitempty"`
	CorrelationID string     `json:"correlation_id,omitempty"`
	Outcome       Outcome    `json:"outcome"`
	Deliveries    []Outline  `json:"deliveries"`
	// Archived means that only an archive has the event: of its deliveries, those that replays
	// make are known, and no others.
	Archived bool `json:"archived,omitempty"`
	// Repeats is how often the event came again, and LastRepeat when it last did: its sender got
	// the id of the first.
	Repeats    uint64    `json:"repeats,omitempty"`
	LastRepeat time.Time `json:"last_repeat,omitzero"`
	// Event is the envelope, where it was asked for.
	Event json.RawMessage `json:"event,omitempty"`

	// After is the cursor with which Follow goes on behind it, where Follow tells of it.
	After string `json:"-"`
}

// Outline is a delivery in a few words.
type Outline struct {
	ID       string             `json:"id"`
	Rule     string             `json:"rule"`
	Target   string             `json:"target"`
	State    journal.TouchState `json:"state"`
	Attempts int                `json:"attempts,omitempty"`
	Status   int                `json:"status,omitempty"`
	// Code is that of the error of a dead delivery, or of the latest attempt of a waiting one.
	Code string `json:"error_code,omitempty"`
	// Replay is the name of the replay that planned it; empty for none.
	Replay string `json:"replay,omitempty"`
}

// Page is a part of the events that a filter chooses, the latest first.
type Page struct {
	Events []*Listed `json:"events"`
	// Looked counts the events that were looked at for this page, back to LookedTo: a page
	// is not full where few events match.
	Looked   int       `json:"looked"`
	LookedTo time.Time `json:"looked_to,omitzero"`
	// Unreadable counts the events among them whose record is damaged.
	Unreadable int `json:"unreadable,omitempty"`
	// Warnings say which events are not among them though they may be what the filter chooses.
	Warnings []string `json:"warnings,omitempty"`
	// Next is the cursor of the page that follows; empty where there is none.
	Next string `json:"next_cursor,omitempty"`
}

// The bounds of the work for one page: the events that are looked at, the bytes that are
// read of them, and the bytes of the envelopes in it.
const (
	maxLooked  = 4_000
	maxRead    = 64 << 20
	maxContent = 8 << 20
)

// Search returns a page of the events that are kept, in the store or in an archive, the latest
// first, from where an earlier page ended. Content says that envelopes are part of it. An error
// of type BadRequest is about the filter or the cursor.
func (r *Reader) Search(ctx context.Context, f Filter, cursor string, limit int, content bool) (Page, error) {
	page := Page{Events: []*Listed{}}
	m, err := f.compile(r.now())
	if err != nil {
		return page, err
	}
	before, err := r.place(listed, cursor, r.journal.Seqs.Stable())
	if err != nil {
		return page, err
	}
	if !f.Until.IsZero() {
		before = min(before, journal.SeqAt(f.Until))
	}
	since := journal.SeqAt(f.Since)
	for bound := r.past.Bound(); ; bound = r.past.Bound() {
		s := searching{reader: r, matcher: m, page: &page, limit: limit, content: content}
		if bound < before {
			err = s.stored(max(since, bound), before)
		}
		if bound != r.past.Bound() { // retention has dropped what was to be read
			page = Page{Events: []*Listed{}}
			continue
		}
		if err = cmp.Or(err, s.fault); err == nil && !s.stopped && since < bound && r.past.Archived() && f.Outcome != OutcomeDuplicate {
			err = s.older(ctx, since, before, bound)
		}
		if !s.stopped {
			page.Next = ""
		}
		return page, err
	}
}

// older continues behind the store, which begins at a bound: a page is of the store or of
// archives, so that the latest events never wait for archives.
func (s *searching) older(ctx context.Context, since, before, bound journal.Seq) error {
	if id := s.matcher.ID; id != "" && bound < before {
		if len(s.page.Events) > 0 {
			return nil
		}
		if done, err := s.archivedID(ctx, id, since, bound); done || err != nil {
			return err
		}
	}
	if bound < before {
		s.stopAt(bound)
		return nil
	}
	return s.archived(ctx, since, before)
}

// stored looks at the events of the store.
func (s *searching) stored(since, before journal.Seq) error {
	switch f := &s.matcher.Filter; {
	case f.ID != "":
		return s.ofID(since, before)
	case f.CorrelationID != "" && s.reader.journal.Traces.Kept():
		return s.correlated(since, before)
	case f.Outcome == OutcomeDuplicate:
		return s.repeated(since, before)
	}
	return s.reader.journal.Events.Latest(since, before, s.look)
}

// now is the time that events are accepted by.
func (r *Reader) now() time.Time { return r.journal.Seqs.Clock().Time() }

// The lists that have cursors.
const (
	listed = "events"
	stream = "events/stream"
)

func (r *Reader) cursor(list string, s journal.Seq) string {
	return r.journal.Cursor(list, strconv.FormatUint(uint64(s), 36))
}

// place reads a cursor of a list; an empty one is the place otherwise.
func (r *Reader) place(list, text string, otherwise journal.Seq) (journal.Seq, error) {
	if text == "" {
		return otherwise, nil
	}
	at, ok := r.journal.Place(list, text)
	n, err := strconv.ParseUint(at, 36, 63)
	if !ok || err != nil {
		return 0, &BadRequest{fmt.Sprintf("cursor %q: it is not of this list, or not of this store: use the next_cursor of an earlier page, or the id of an earlier message", text)}
	}
	return min(journal.Seq(n), otherwise), nil
}

// searching makes one page.
type searching struct {
	reader  *Reader
	matcher *matcher
	page    *Page
	limit   int
	content bool
	read    int // bytes
	held    int // bytes of envelopes in the page
	// stopped means that something was left for the next page.
	stopped bool
	fault   error
}

// ofID looks at the event with an id.
func (s *searching) ofID(since, before journal.Seq) error {
	e, err := s.reader.Event(s.matcher.ID)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err == nil && e.Seq >= since && e.Seq < before {
		_, err = s.lookAt(e.Seq)
	}
	return err
}

// correlated looks at the events that the index has for a correlation id, the latest first.
func (s *searching) correlated(since, before journal.Seq) error {
	var seqs []journal.Seq
	err := s.reader.journal.Events.Correlated(s.matcher.CorrelationID, since, func(at journal.Seq) bool {
		if at < before {
			seqs = append(seqs, at)
		}
		return at < before && len(seqs) < maxCounted
	})
	more := true
	for i := len(seqs) - 1; i >= 0 && more && err == nil; i-- {
		more, err = s.lookAt(seqs[i])
	}
	return err
}

// repeated looks at the events that came again.
func (s *searching) repeated(since, before journal.Seq) error {
	var fault error
	err := s.reader.journal.Repeats.Latest(since, before, func(at journal.Seq) (more bool) {
		more, fault = s.lookAt(at)
		return more
	})
	return cmp.Or(err, fault)
}

// lookAt is look for the event with a number, which may be gone.
func (s *searching) lookAt(at journal.Seq) (more bool, err error) {
	rec, err := s.reader.journal.Events.Event(at)
	if errors.Is(err, journal.ErrNotFound) {
		return true, nil
	}
	return err == nil && s.look(rec), err
}

// look takes an event into the page if the filter lets it through, and reports whether there
// was room for it. The cursor of the next page is behind what was looked at last.
func (s *searching) look(rec journal.Record) bool {
	if len(s.page.Events) == s.limit || s.page.Looked == maxLooked || s.read >= maxRead {
		s.stopped = true
		return false
	}
	l, err := s.matched(&rec)
	if err != nil {
		s.fault = err
		return false
	}
	if l != nil && s.content {
		if s.held += len(rec.Envelope); s.held > maxContent && len(s.page.Events) > 0 {
			s.stopped = true
			return false
		}
		l.Event = rec.Envelope
	}
	if l != nil {
		s.page.Events = append(s.page.Events, l)
	}
	s.page.Looked++
	s.read += len(rec.Envelope) + len(rec.Meta)
	s.page.LookedTo, s.page.Next = rec.Seq.Time(), s.reader.cursor(listed, rec.Seq)
	return true
}

// matched returns an event that the filter lets through, or nil. One that can't be read is
// counted, and hides none of the others.
func (s *searching) matched(rec *journal.Record) (*Listed, error) {
	l, err := s.reader.matched(s.matcher, rec)
	if errors.Is(err, errUnreadable) {
		s.page.Unreadable++
		return nil, nil
	}
	return l, err
}

var errUnreadable = errors.New("the record is damaged")

// matched returns an event that the filter lets through, with what came of it, or nil.
func (r *Reader) matched(m *matcher, rec *journal.Record) (*Listed, error) {
	e, err := m.event(rec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	if e == nil {
		return nil, nil
	}
	l, err := r.listed(e)
	if err != nil || !m.sent(l) {
		return nil, err
	}
	return l, nil
}

// listed returns an event with what came of it.
func (r *Reader) listed(e *Stored) (*Listed, error) {
	touches, said, err := r.journal.Traces.Touches(e.Seq)
	if err != nil {
		return nil, err
	}
	again, err := r.journal.Repeats.Of(e.Seq)
	if err != nil {
		return nil, err
	}
	m := &e.Parsed.Meta
	l := &Listed{
		ID: e.ID, DetailType: e.Parsed.DetailType, Source: e.Parsed.Source, Bus: m.Bus, Kind: m.Kind, Received: m.Received,
		Synthetic: m.Synthetic, CorrelationID: m.CorrelationID, Deliveries: []Outline{}, Archived: e.Archived,
		Repeats: again.Times, LastRepeat: again.Last,
	}
	for i := range touches {
		l.Deliveries = append(l.Deliveries, r.outline(m.Bus, &touches[i]))
	}
	if l.Outcome = r.outcome(l.Deliveries, said); l.Archived && len(l.Deliveries) == 0 {
		l.Outcome = OutcomeArchived
	}
	return l, nil
}

func (r *Reader) outline(bus string, t *journal.Touch) Outline {
	d := &t.Delivery
	o := Outline{
		ID:   d.ID(bus),
		Rule: d.Rule, Target: r.target(d.Lane), State: t.State, Attempts: d.Attempts, Status: t.Status, Replay: d.ReplayName(),
	}
	switch n := len(d.History); {
	case d.Death != nil && t.State == journal.TouchDead:
		o.Code, o.Status = d.Death.Code, d.Death.Status
	case n > 0 && t.State != journal.TouchDelivered:
		o.Code, o.Status = d.History[n-1].Code, d.History[n-1].Status
	}
	return o
}

// outcome returns what the states of deliveries come to.
func (r *Reader) outcome(deliveries []Outline, said []journal.Said) Outcome {
	count := map[journal.TouchState]int{}
	for _, d := range deliveries {
		count[d.State]++
	}
	ended := count[journal.TouchDelivered] + count[journal.TouchLogged]
	switch {
	case count[journal.TouchDead] > 0:
		return OutcomeDead
	case ended+count[journal.TouchDropped] < len(deliveries):
		return OutcomePending
	case ended > 0:
		return OutcomeDelivered
	case len(deliveries) > 0:
		return OutcomeDropped
	case !r.journal.Traces.Kept():
		return OutcomeUnknown
	}
	for _, s := range said {
		if s.Rule != "" {
			return OutcomeMatched
		}
	}
	return OutcomeUnmatched
}
