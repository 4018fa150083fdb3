package cluster

import (
	"sync"
	"time"
)

// progress is how far a node has read the log, and for how long it has been behind, by its own clock alone: it takes
// the end that the log has as a mark, and sees when it gets there.
type progress struct {
	mu        sync.Mutex
	read, end uint64
	// mark is an end of the log that is not read yet; since is when the log was seen to have it, zero where none is
	// waited for. took is how long the one before took.
	mark  uint64
	since time.Time
	took  time.Duration
}

// reads notes that this node has the log up to a message.
func (p *progress) reads(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read, p.end = seq, max(p.end, seq)
	if seq >= p.mark && !p.since.IsZero() {
		p.took, p.since = time.Since(p.since), time.Time{}
	}
}

// ends notes that the log ends at a message now.
func (p *progress) ends(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.end = seq; {
	case seq <= p.read:
		p.took, p.since = 0, time.Time{}
	case p.since.IsZero():
		p.mark, p.since = seq, time.Now()
	}
}

// at returns the number of the last message that was read, and of the last of the log.
func (p *progress) at() (read, end uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read, p.end
}

// lag returns how many messages are not read yet, and for how long the log has had them.
func (p *progress) lag() (groups uint64, behind time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end <= p.read {
		return 0, 0
	}
	if behind = p.took; !p.since.IsZero() {
		behind = max(behind, time.Since(p.since))
	}
	return p.end - p.read, behind
}
