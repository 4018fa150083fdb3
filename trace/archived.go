package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/archive/past"
	"signalbox/journal"
)

// maxArchiveTime bounds how long archives are read for one page. A segment that was begun is
// read to its end.
const maxArchiveTime = 2 * time.Second

// archived looks through what archives have and the store has not, the latest first.
func (s *searching) archived(ctx context.Context, since, before journal.Seq) error {
	if since >= before {
		return nil
	}
	if f := &s.matcher.Filter; f.Rule != "" || f.Target != "" || f.Outcome != "" && f.Outcome != OutcomeArchived {
		s.warn("what came of events before " + before.Time().Format(time.RFC3339) +
			" is not kept, as only archives have these: a filter by rule, target or outcome finds none of them")
		return nil
	}
	began := time.Now()
	for stretch, err := range s.past().Back(ctx, since, before) {
		if err != nil {
			return err
		}
		if s.full() || time.Since(began) > maxArchiveTime {
			s.stopAt(stretch.Before)
			return nil
		}
		if err := s.stretch(stretch); err != nil || s.stopped {
			return err
		}
	}
	return nil
}

// archivedID takes in the event with an id that the router made, if archives have it.
func (s *searching) archivedID(ctx context.Context, id string, since, before journal.Seq) (found bool, err error) {
	rec, err := archivedByID(ctx, s.past(), id)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	if err != nil || rec.Seq < since || rec.Seq >= before {
		return err == nil, err
	}
	s.page.Looked++
	s.page.LookedTo = rec.Seq.Time()
	return true, s.add(&rec)
}

// past returns the reader of archives, which notes what it can't read.
func (s *searching) past() *past.Reader {
	r := *s.reader.past
	r.Skip = func(err error) bool {
		s.warn("events are missing: " + err.Error())
		return true
	}
	return &r
}

func (s *searching) warn(text string) {
	if !slices.Contains(s.page.Warnings, text) {
		s.page.Warnings = append(s.page.Warnings, text)
	}
}

// full reports whether nothing more is to be looked at for the page.
func (s *searching) full() bool {
	return len(s.page.Events) == s.limit || s.page.Looked >= maxLooked || s.read >= maxRead || s.held > maxContent
}

// stopAt ends the page: what lies before a number is for the next one.
func (s *searching) stopAt(before journal.Seq) {
	s.stopped = true
	s.page.LookedTo, s.page.Next = before.Time(), s.reader.cursor(listed, before)
}

// found is an event of a stretch that the filter lets through, and how many were looked at up to
// it.
type found struct {
	rec   journal.Record
	order int
}

// stretch takes the latest events of a stretch into the page that the filter lets through. Of
// those it holds as many as the page has room for.
func (s *searching) stretch(stretch *past.Stretch) error {
	var last []found
	room, looked, held := s.limit-len(s.page.Events), 0, 0
	dropped := false
	for rec, err := range stretch.Records() {
		if err != nil {
			return err
		}
		looked++
		s.read += len(rec.Envelope) + len(rec.Meta)
		if ok, err := s.matcher.lets(&rec); err != nil {
			s.page.Unreadable++
		} else if !ok {
			continue
		}
		last = append(last, found{rec, looked})
		for held += len(rec.Envelope); len(last) > room || s.held+held > maxContent && len(last) > 1; dropped = true {
			held -= len(last[0].rec.Envelope)
			last[0].rec = journal.Record{}
			last = last[1:]
		}
	}
	s.held += held
	for _, f := range slices.Backward(last) {
		if err := s.add(&f.rec); err != nil {
			return err
		}
	}
	s.page.Looked += looked
	s.page.LookedTo, s.page.Next = stretch.From.Time(), s.reader.cursor(listed, stretch.From)
	if dropped {
		s.page.Looked -= last[0].order - 1
		s.stopAt(last[0].rec.Seq)
	}
	return nil
}

// add takes an event into the page.
func (s *searching) add(rec *journal.Record) error {
	l, err := s.matched(rec)
	if l == nil || err != nil {
		return err
	}
	if s.content {
		l.Event = rec.Envelope
	}
	s.page.Events = append(s.page.Events, l)
	return nil
}

// archivedByID returns an event that archives have and the store has not, by an id that the
// router made; or journal.ErrNotFound.
func archivedByID(ctx context.Context, r *past.Reader, id string) (rec journal.Record, err error) {
	at, ok := journal.SeqOfEventID(id)
	found := false
	if ok && at < r.Bound() {
		err = r.BetweenContext(ctx, at, at+1, func(one journal.Record) bool {
			e, err := one.Parsed()
			rec, found = one, err == nil && e.ID == id
			return false
		})
	}
	if err == nil && !found {
		err = fmt.Errorf("event %q: %w", id, journal.ErrNotFound)
	}
	return rec, err
}

// archivedTrace is the trace of an event that only archives have.
func archivedTrace(e *Stored) *Trace {
	return &Trace{ID: e.ID, Events: 1, Roots: []*Event{eventOf(e)}, Notes: []string{"only an archive has the event: what came of it is not kept any more"}}
}
