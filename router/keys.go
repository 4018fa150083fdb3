package router

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"signalbox/journal"
)

// BlockedKey is an ordering key of a target whose deliveries do not continue: its head
// waits for another attempt, died and stopped it, or is suspended by its rule's
// pause, or others are parked behind one that is under way.
type BlockedKey struct {
	Key string `json:"key"`
	// State is waiting, stopped, held or going on.
	State string `json:"state"`
	// Head is the id of the delivery that the others wait for; empty where the next
	// of them has its turn.
	Head  string    `json:"head,omitempty"`
	Since time.Time `json:"since"`
	// Parked counts the deliveries behind it, More says that there are more.
	Parked int  `json:"parked"`
	More   bool `json:"more,omitempty"`
}

// maxParkedShown bounds the counting of what is parked behind one key.
const maxParkedShown = 1000

// UnknownTarget means that there is no target of a name.
type UnknownTarget struct{ Name string }

func (u *UnknownTarget) Error() string { return fmt.Sprintf("no target %q", u.Name) }

// ErrCursor is the error of a cursor that is of another list, or of another store, or none.
var ErrCursor = errors.New("use the cursor of an earlier page")

// BlockedKeys returns up to limit blocked ordering keys of a target, in no order that
// means anything, and the cursor with which to continue; empty at the end. The error is
// *UnknownTarget where there is none of that name, or ErrCursor.
func (ls *Lanes) BlockedKeys(target, cursor string, limit int) (keys []BlockedKey, next string, err error) {
	l := ls.named(target)
	if l == nil {
		return nil, "", &UnknownTarget{target}
	}
	list := "keys/" + target
	var from journal.KeyHash
	if cursor != "" {
		place, ok := ls.journal.Place(list, cursor)
		n, err := strconv.ParseUint(place, 16, 64)
		if !ok || err != nil {
			return nil, "", ErrCursor
		}
		from = journal.KeyHash(n)
	}
	var bad error
	err = ls.journal.Keys.Blocked(l.ID, from, func(rec journal.KeyRecord) bool {
		if len(keys) == limit {
			next = ls.journal.Cursor(list, strconv.FormatUint(uint64(rec.Hash), 16))
			return false
		}
		n, err := ls.journal.Keys.CountParked(l.ID, rec.Hash, maxParkedShown+1)
		bad = err
		keys = append(keys, BlockedKey{
			Key: rec.Key, State: rec.State.String(), Head: rec.Head, Since: rec.Since,
			Parked: min(n, maxParkedShown), More: n > maxParkedShown,
		})
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return keys, next, err
}

// RetryTarget makes all that waits at a target for a later attempt due now. It returns
// how many deliveries those are. The error is *UnknownTarget where there is none of that
// name.
func (ls *Lanes) RetryTarget(name string) (uint64, error) {
	l := ls.serving(name)
	if l == nil {
		return 0, &UnknownTarget{name}
	}
	return l.RetryNow(), nil
}

// ResumeKey lets a stopped ordering key continue, though its dead letter stays in the
// queue. The error is *UnknownTarget, or journal.ErrNotFound where the key is not
// stopped.
func (ls *Lanes) ResumeKey(target, orderKey string) error {
	l := ls.named(target)
	if l == nil {
		return &UnknownTarget{target}
	}
	n, err := ls.journal.FreeKeys(l.ID, journal.HashKey(orderKey))
	if err == nil && n == 0 {
		err = fmt.Errorf("target %q: ordering key %q is not stopped: %w", target, orderKey, journal.ErrNotFound)
	}
	return err
}
