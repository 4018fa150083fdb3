package delivery

import (
	"math"
	"sync"
	"time"
)

// Yield has replays give way to live traffic: all that have no rate of their own go together as
// fast as live traffic leaves them. Without live traffic that is as fast as they can. It is safe
// for concurrent use.
type Yield struct {
	// live returns how many events have come, with how many live deliveries have been made.
	live func() uint64
	// short reports whether something waits for a processor now.
	short func() bool

	mu sync.Mutex
	allowance
	// tokens are what may go now, counted at filled. What was taken beyond them, as by a batch, is
	// waited for afterwards.
	tokens float64
	filled time.Time
	// replays counts those at work; done ends what looks at live traffic for them.
	replays int
	done    chan struct{}
	watched *sync.WaitGroup

	// looking is held while live traffic is looked at. It guards seen, what that came to last.
	looking sync.Mutex
	seen    uint64
}

const (
	// yieldEvery is how often live traffic is looked at.
	yieldEvery = 10 * time.Millisecond
	// quiet is the time without live traffic in which the rate doubles.
	quiet = 250 * time.Millisecond
	// leastRate is what replays may take of a second, in deliveries, whatever else there is to do,
	// and leastBeside what they may take beside live traffic while no processor is short.
	leastRate, leastBeside = 25, 400
	// fullRate is where a replay begins; from there on there is no bound.
	fullRate = 1e5
	// perLive is how many deliveries may go for each event that comes, and each live delivery.
	perLive = 1
	// liveFor is the time over which live traffic is counted.
	liveFor = time.Second
	// shortParts is the weight of one look in allowance.short, shortMost from where on processors
	// are short, and then the rate halves; growth is what it gains with each other look.
	shortParts = 1. / 8
	shortMost  = 0.5
	growth     = 1.05
	// longestWait bounds for how long nobody asks whether the rate has grown.
	longestWait = 500 * time.Millisecond
)

// allowance is how much replays get, as looks at live traffic have left it.
type allowance struct {
	// rate is how many deliveries a second may be made.
	rate float64
	// live is how much live traffic there is a second.
	live float64
	// short is the part of the latest looks that found something waiting for a processor.
	short float64
}

// next returns the allowance after a look that found so much live traffic since the one before.
func (a allowance) next(live uint64, short bool, since time.Duration) allowance {
	old := math.Exp(-since.Seconds() / liveFor.Seconds())
	a.live = a.live*old + float64(live)/since.Seconds()*(1-old)
	a.short *= 1 - shortParts
	if short {
		a.short += shortParts
	}
	beside := max(leastBeside, a.live*perLive)
	switch {
	case live == 0:
		a.rate = min(fullRate, a.rate*math.Exp2(since.Seconds()/quiet.Seconds()))
	case a.short > shortMost:
		a.rate = max(leastRate, min(a.rate, beside)/2)
	default:
		a.rate = min(a.rate*growth, beside)
	}
	return a
}

// NewYield returns a Yield to live traffic that is counted by live. Short reports whether
// something waits for a processor now.
func NewYield(live func() uint64, short func() bool) *Yield {
	return &Yield{live: live, short: short, allowance: allowance{rate: fullRate}}
}

// Join looks at live traffic for one replay more, until leave is called.
func (y *Yield) Join() (leave func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.replays++; y.replays == 1 {
		y.allowance, y.done, y.watched = allowance{rate: fullRate}, make(chan struct{}), new(sync.WaitGroup)
		done := y.done
		y.watched.Go(func() { y.watch(done) })
	}
	return y.leave
}

// leave is one replay less.
func (y *Yield) leave() {
	y.mu.Lock()
	y.replays--
	last, watched := y.replays == 0, y.watched
	if last {
		close(y.done)
	}
	y.mu.Unlock()
	if last {
		watched.Wait()
	}
}

// watch looks at live traffic until done. It has a goroutine of its own because who asks for
// deliveries mostly does so when others begin something as well.
func (y *Yield) watch(done chan struct{}) {
	tick := time.NewTicker(yieldEvery)
	defer tick.Stop()
	at := time.Now()
	_ = y.Apart(func() error { return nil })
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := time.Now()
		y.look(now, now.Sub(at))
		at = now
	}
}

// look looks at live traffic, so long after the look before.
func (y *Yield) look(now time.Time, since time.Duration) {
	y.looking.Lock()
	defer y.looking.Unlock()
	short, live := y.short(), y.live()
	y.mu.Lock()
	defer y.mu.Unlock()
	y.fill(now)
	y.allowance = y.next(live-y.seen, short, since)
	y.seen = live
}

// Apart runs what makes replayed deliveries count as those of a live lane, and does not take these for
// live traffic.
func (y *Yield) Apart(move func() error) error {
	y.looking.Lock()
	defer y.looking.Unlock()
	err := move()
	y.seen = y.live()
	return err
}

// fill counts what may go now, under the lock.
func (y *Yield) fill(now time.Time) {
	y.tokens = min(1, y.tokens+now.Sub(y.filled).Seconds()*y.rate)
	y.filled = now
	if y.rate >= fullRate {
		y.tokens = 1
	}
}

// Take takes n deliveries, or what costs as much, if any may go now; if not, it returns how long
// to wait before it is asked again.
func (y *Yield) Take(n float64, now time.Time) (wait time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.fill(now); y.tokens <= 0 {
		return max(time.Millisecond, min(longestWait, time.Duration(-y.tokens/y.rate*float64(time.Second))))
	}
	y.tokens -= n
	return 0
}

// Rate returns how many deliveries a second may be made now; +Inf is no bound.
func (y *Yield) Rate() float64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.rate >= fullRate {
		return math.Inf(1)
	}
	return y.rate
}
