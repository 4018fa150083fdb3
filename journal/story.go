package journal

import (
	"encoding/binary"
	"hash/fnv"
)

// The ways in which an event belongs to a story, as they are hashed.
const (
	ByCorrelation = 'c'
	ByCausation   = 'p'
)

// StoryKey leads from what joins events to one of them. As with idKey, the hour
// of acceptance comes first, so that old entries can be dropped as a range.
func StoryKey(hour uint32, by byte, id string, s Seq) []byte {
	h := fnv.New64a()
	h.Write([]byte{by})
	h.Write([]byte(id))
	k := binary.BigEndian.AppendUint32([]byte{TableStory}, hour)
	return binary.BigEndian.AppendUint64(h.Sum(k), uint64(s))
}

// storiesTo returns the end of the rows whose events were accepted in hours that are
// gone.
func storiesTo(oldest Seq) []byte {
	return binary.BigEndian.AppendUint32([]byte{TableStory}, HourOf(oldest))
}

// verifyStory checks a row of its table.
func verifyStory(v *verifier, k, _ []byte) { v.indexed("story", k) }
