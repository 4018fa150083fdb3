package journal

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// The ways in which an event belongs to a story, as they are hashed.
const (
	byCorrelation = 'c'
	byCausation   = 'p'
)

// storyKey leads from what joins events to one of them. As with idKey, the hour
// of acceptance comes first, so that old entries can be dropped as a range.
func storyKey(hour uint32, by byte, id string, s Seq) []byte {
	h := fnv.New64a()
	h.Write([]byte{by})
	h.Write([]byte(id))
	k := binary.BigEndian.AppendUint32([]byte{tableStory}, hour)
	return binary.BigEndian.AppendUint64(h.Sum(k), uint64(s))
}

func (w *writer) story(s Seq, story Story) error {
	if story.Correlation != "" {
		if err := w.set(storyKey(hourOf(s), byCorrelation, story.Correlation, s), nil); err != nil {
			return err
		}
	}
	if story.Causation == "" {
		return nil
	}
	return w.set(storyKey(hourOf(s), byCausation, story.Causation, s), nil)
}

// Correlated calls fn with the events accepted at or after from whose
// correlation id has this hash, the oldest first, until fn says stop. The hash
// may stand for several ids: look at the event's own.
func (j *Journal) Correlated(id string, from Seq, fn func(Seq) bool) error {
	return j.joined(byCorrelation, id, from, fn)
}

// Caused is Correlated for causation ids.
func (j *Journal) Caused(id string, from Seq, fn func(Seq) bool) error {
	return j.joined(byCausation, id, from, fn)
}

// joined goes through the index hour by hour with one iterator.
func (j *Journal) joined(by byte, id string, from Seq, fn func(Seq) bool) (err error) {
	from = max(from, j.Oldest())
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableStory}, UpperBound: []byte{tableStory + 1}})
	if err != nil {
		return fmt.Errorf("story %q: %w", id, err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = closing
		}
	}()
	for hour, last := hourOf(from), hourOf(j.Stable()); hour <= last; hour++ {
		upper := storyKey(hour, by, id, ^Seq(0))
		ok := it.SeekGE(storyKey(hour, by, id, from))
		for ; ok && slices.Compare(it.Key(), upper) <= 0; ok = it.Next() {
			if !fn(Seq(binary.BigEndian.Uint64(it.Key()[len(upper)-8:]))) {
				return nil
			}
		}
		if !ok {
			return it.Error() // nothing lies behind
		}
		// Hours without any entry are passed over.
		hour = max(hour, binary.BigEndian.Uint32(it.Key()[1:])-1)
	}
	return nil
}

// storiesTo returns the end of the rows whose events were accepted in hours that are
// gone.
func storiesTo(oldest Seq) []byte {
	return binary.BigEndian.AppendUint32([]byte{tableStory}, hourOf(oldest))
}

// verifyStory checks a row of its table.
func verifyStory(v *verifier, k, _ []byte) { v.indexed("story", k) }
