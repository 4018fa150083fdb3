package dedup

import (
	"encoding/binary"
	"time"

	"signalbox/journal"
)

const (
	// recentBits is the size of one generation of the filter: 4 MiB, in which a
	// million fingerprints leave 0.01 % of new ones to be looked up in vain, and
	// nine million about 30 %.
	recentBits   = 1 << 25
	recentProbes = 4
)

// recent is a Bloom filter of the fingerprints of the last window: it may know
// one that it never met, and never forgets one too early. It has two
// generations, of which the older is forgotten as a whole.
type recent struct {
	window       time.Duration
	began        time.Time // of the newer generation
	newer, older []uint64
	// blindUntil is until when the filter does not know what an earlier run of
	// the program has accepted.
	blindUntil time.Time
}

// add puts a fingerprint in, and says whether it may have been there before.
func (r *recent) add(f *journal.Fingerprint, now time.Time) bool {
	r.turn(now)
	known := true
	old := r.older != nil
	a, b := binary.LittleEndian.Uint64(f[:8]), binary.LittleEndian.Uint64(f[8:])
	for range recentProbes {
		word, bit := a%recentBits/64, uint64(1)<<(a%64)
		known = known && r.newer[word]&bit != 0
		old = old && r.older[word]&bit != 0
		r.newer[word] |= bit
		a += b | 1
	}
	return known || old || now.Before(r.blindUntil)
}

// turn begins a new generation where the newer one is as old as the window.
func (r *recent) turn(now time.Time) {
	switch {
	case r.newer == nil:
		r.newer, r.began = make([]uint64, recentBits/64), now
	case now.Sub(r.began) < r.window:
	case r.older == nil:
		r.older, r.newer, r.began = r.newer, make([]uint64, recentBits/64), now
	default:
		r.older, r.newer, r.began = r.newer, r.older, now
		clear(r.newer)
	}
}
