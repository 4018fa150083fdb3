package dlq

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Letter is one dead letter: a delivery that ended without reaching its target,
// with its event and the reasons. ErrorCode and Condition are in EventBridge's
// terms.
type Letter struct {
	// ID is the delivery's, for life.
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Bus     string `json:"bus"`
	// Kind is of which kind the event is.
	Kind       event.Kind `json:"kind,omitempty"`
	Rule       string     `json:"rule"`
	RuleTarget string     `json:"rule_target"`
	Target     string     `json:"target"`
	// DiedAt is when the delivery came to the queue, AcceptedAt when its event
	// came to the router.
	DiedAt       time.Time `json:"died_at"`
	AcceptedAt   time.Time `json:"accepted_at"`
	ErrorCode    string    `json:"error_code"`
	ErrorMessage string    `json:"error_message"`
	// Condition is MaximumRetryAttempts or MaximumEventAgeInSeconds; empty where
	// the fault was permanent.
	Condition string `json:"exhausted_retry_condition,omitempty"`
	// Attempts counts the tries over the delivery's whole life; RetryAttempts is
	// EventBridge's RETRY_ATTEMPTS: those after the first, since it was last
	// redriven.
	Attempts      int               `json:"attempts"`
	RetryAttempts int               `json:"retry_attempts"`
	History       []journal.Attempt `json:"history,omitempty"`
	Status        int               `json:"last_status,omitempty"`
	Snippet       string            `json:"response_snippet,omitempty"`
	Synthetic     bool              `json:"synthetic,omitempty"`
	// Replay is the name of the replay that sent it; empty for none.
	Replay string `json:"replay,omitempty"`
	// ForwardOf is the id of the dead letter that it would have brought to the target that its rule names
	// for them; empty for none.
	ForwardOf string `json:"forward_of,omitempty"`
	// Redriven counts the redrives that sent it; Redrives are the latest of them.
	Redriven int               `json:"redriven,omitempty"`
	Redrives []journal.Redrive `json:"redrives,omitempty"`
	// Path is how the event came to be, where others led to it.
	Path []event.Hop `json:"path,omitempty"`
	// Request is what was sent last, or would have been, with secrets masked and
	// without the body where that is Event or Body.
	Request json.RawMessage `json:"request,omitempty"`
	// Event is the event in EventBridge's envelope.
	Event json.RawMessage `json:"event"`
	// Body is the transformed body, if the rule transforms.
	Body *string `json:"body,omitempty"`

	place  journal.Delivery
	record journal.Record
	parsed *event.Event
}

// letters reads the dead letters of a journal.
type letters struct {
	journal *store.Journal
	target  func(journal.LaneID) string
}

func (q *letters) letter(d journal.DeadLetter) (*Letter, error) {
	e, err := d.Record.Parsed()
	if err != nil {
		return nil, fmt.Errorf("dead letter %d/%d: %w", d.Delivery.Seq, d.Delivery.N, err)
	}
	l := &Letter{place: d.Delivery, record: d.Record, parsed: e}
	del := &d.Delivery
	l.ID, l.Replay = del.ID(e.Meta.Bus), del.ReplayName()
	l.EventID, l.Bus, l.Kind, l.Synthetic = e.ID, e.Meta.Bus, e.Meta.Kind, e.Meta.Synthetic
	l.Path = e.Meta.Path
	l.Rule, l.RuleTarget, l.Target = del.Rule, del.RuleTarget, q.target(del.Lane)
	l.AcceptedAt, l.Event = del.Seq.Time(), d.Record.Envelope
	l.Attempts, l.RetryAttempts, l.History = del.Attempts, del.Retries(), del.History
	if del.Lineage != nil {
		l.Redriven, l.Redrives = del.Lineage.Count, del.Lineage.Redrives
	}
	if del.Body != nil {
		body := string(del.Body)
		l.Body = &body
	}
	if del.Forward != nil {
		l.ForwardOf = del.Forward.Of
	}
	if death := del.Death; death != nil {
		l.DiedAt, l.ErrorCode, l.ErrorMessage = death.At, death.Code, death.Message
		l.Condition, l.Status, l.Snippet, l.Request = death.Condition, death.Status, death.Snippet, death.Request
	}
	return l, nil
}

// ruleBus returns the bus that the letter's rule is on: the event's, or one above it.
func (l *Letter) ruleBus() string { return cmp.Or(l.place.Bus, l.parsed.Meta.Bus) }

// errStop ends a walk without an error.
var errStop = errors.New("stop")

// walk calls fn with the letters that are chosen, the oldest event first, from a
// place on, until ctx ends or fn returns errStop.
func (q *letters) walk(ctx context.Context, choose chooser, from journal.Cursor, fn func(*Letter) error) error {
	oldest, latest := choose.events()
	if from.Seq < oldest {
		from = journal.Cursor{Seq: oldest}
	}
	var stopped error
	err := q.journal.Deliveries.DeadLetters(from, func(d journal.DeadLetter) bool {
		if d.Delivery.Seq > latest {
			return false
		}
		l, err := q.letter(d)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && choose.matches(l) {
			err = fn(l)
		}
		stopped = err
		return err == nil
	})
	if errors.Is(stopped, errStop) {
		stopped = nil
	}
	return errors.Join(stopped, err)
}

// chooser chooses letters.
type chooser interface {
	// events bounds the events whose letters can be among them.
	events() (oldest, latest journal.Seq)
	matches(*Letter) bool
}

// Page is part of a listing.
type Page struct {
	Letters []*Letter `json:"dead_letters"`
	// Next is where the listing continues; empty at its end.
	Next string `json:"next_cursor,omitempty"`
}

// List returns up to limit letters that the filter lets through, the oldest event
// first, from where an earlier Page ended.
func (q *Queue) List(f Filter, after string, limit int) (Page, error) {
	from, err := q.place(listed, after)
	if err != nil {
		return Page{}, err
	}
	m, err := f.compile()
	if err != nil {
		return Page{}, err
	}
	page := Page{Letters: []*Letter{}}
	err = q.walk(context.Background(), m, from, func(l *Letter) error {
		if len(page.Letters) == limit {
			page.Next = q.cursor(listed, journal.CursorOf(&l.place))
			return errStop
		}
		page.Letters = append(page.Letters, l)
		return nil
	})
	return page, err
}

// Get returns the dead letter with a delivery's id, or journal.ErrNotFound.
func (q *Queue) Get(id string) (*Letter, error) {
	var found *Letter
	m, err := Filter{IDs: []string{id}}.compile()
	if err != nil {
		return nil, err
	}
	err = q.walk(context.Background(), m, journal.Cursor{}, func(l *Letter) error {
		found = l
		return errStop
	})
	if err == nil && found == nil {
		err = fmt.Errorf("dead letter %q: %w", id, journal.ErrNotFound)
	}
	return found, err
}

// The lists that have cursors.
const (
	listed  = "deadletters"
	grouped = "deadletters/groups"
)

func (q *letters) cursor(list string, c journal.Cursor) string {
	return q.journal.Cursor(list, fmt.Sprintf("%d.%d", c.Seq, c.N))
}

// place reads a cursor of a list; an empty one is the beginning.
func (q *letters) place(list, text string) (c journal.Cursor, err error) {
	if text == "" {
		return c, nil
	}
	at, ok := q.journal.Place(list, text)
	if n, err := fmt.Sscanf(at, "%d.%d", &c.Seq, &c.N); !ok || n != 2 || err != nil {
		return c, &BadRequest{fmt.Sprintf("cursor %q: it is not of this list, or not of this store: use the next_cursor of an earlier page", text)}
	}
	return c, nil
}

// BadRequest is the error of a filter or an option that makes no sense.
type BadRequest struct{ Reason string }

// Error returns the reason.
func (b *BadRequest) Error() string { return b.Reason }
