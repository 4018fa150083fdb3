package store

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// identify reads what tells this store's cursors from those of others, and makes it where there
// is none yet.
func (j *Journal) identify() error {
	id, err := j.Meta.ID()
	if err != nil || id == nil && j.follows {
		return err
	}
	if id == nil {
		id = make([]byte, 16)
		_, _ = rand.Read(id) // never fails
		if err := j.Meta.SetID(id); err != nil {
			return err
		}
	}
	j.id.Store(&id)
	return nil
}

// cursorMark separates a place from what shows whose it is.
const cursorMark = "~"

// Cursor returns a cursor of a list of this store: the place where it continues, which only the
// list itself can read.
func (j *Journal) Cursor(list, place string) string { return place + cursorMark + j.proof(list, place) }

// Place returns the place of a cursor of a list; false if it is of another list, of another
// store, or none at all.
func (j *Journal) Place(list, cursor string) (place string, ok bool) {
	at := strings.LastIndex(cursor, cursorMark)
	if at < 0 {
		return "", false
	}
	place = cursor[:at]
	return place, cursor == j.Cursor(list, place)
}

// proof returns 32 bits that show of which list of which store a place is: against a mix-up, not
// against a forger.
func (j *Journal) proof(list, place string) string {
	var id []byte
	if known := j.id.Load(); known != nil {
		id = *known
	}
	h := hmac.New(sha256.New, id)
	h.Write([]byte(list + "\x00" + place))
	return hex.EncodeToString(h.Sum(nil)[:4])
}
