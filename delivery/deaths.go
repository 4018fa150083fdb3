package delivery

import (
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
)

// The log of deaths: each error text is told once in deathsEvery, with one delivery as
// the example, and its further deaths as a number at the end. Texts beyond
// maxDeathTexts share one number.
const (
	deathsEvery   = time.Minute
	maxDeathTexts = 20
)

// deaths keeps a target that refuses everything from filling the log.
type deaths struct {
	// more counts the deaths that were not logged, by error text; nil when none was.
	more map[string]uint64
	// until is when they are told.
	until time.Time
}

// note takes in a death, and reports whether it is to be logged.
func (d *deaths) note(text string, now time.Time) bool {
	if d.more == nil {
		d.more, d.until = map[string]uint64{}, now.Add(deathsEvery)
	}
	_, known := d.more[text]
	if !known && len(d.more) >= maxDeathTexts {
		d.more["other errors"]++
		return false
	}
	if known {
		d.more[text]++
		return false
	}
	d.more[text] = 0
	return true
}

// due returns the numbers to be told, if it is time, and begins anew.
func (d *deaths) due(now time.Time) map[string]uint64 {
	if d.more == nil || now.Before(d.until) {
		return nil
	}
	more := d.more
	*d = deaths{}
	return more
}

// logDeath tells of a delivery that went to the dead-letter queue.
func logDeath(l *Lane, d *journal.Delivery, it *queue.Item) {
	text := d.Death.Code + ": " + d.Death.Message
	l.mu.Lock()
	first := l.deaths.note(text, time.Now())
	l.setAlarm(time.Now())
	l.mu.Unlock()
	if first {
		l.env.Log.Warn("delivery went to the dead-letter queue", zap.String("target", l.Name), zap.String("rule", d.Rule),
			zap.String("event_id", it.EventID()), zap.String("delivery_id", it.ID()), zap.String("trace_id", event.TraceID(it.EventID(), it.Meta())),
			zap.Int("attempts", d.Attempts), zap.String("error", text))
	}
}

// logDeaths tells how many more went there, if it is time. It is called with the lock.
func logDeaths(l *Lane, now time.Time) {
	for text, n := range l.deaths.due(now) {
		if n > 0 {
			l.env.Log.Warn("more deliveries went to the dead-letter queue", zap.String("target", l.Name),
				zap.Uint64("deliveries", n), zap.String("error", text))
		}
	}
}
