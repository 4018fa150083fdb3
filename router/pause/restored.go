package pause

import (
	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/rules"
)

// TakeRestored pauses every target where the store was made of a backup and the router has
// not begun since: what was pending then may have been delivered, and would be sent again.
// It is called before the first Apply.
func (p *Pauses) TakeRestored(set *rules.Set) error {
	restored, err := p.opts.Journal.Meta.Restored()
	if err != nil || !restored {
		return err
	}
	names := map[string]bool{}
	for name := range p.opts.Journal.Lanes.All() {
		names[name] = true
	}
	for name := range set.Targets {
		names[name] = true
	}
	for name := range names {
		if err := p.alter(targetKey(name), func(to *journal.Pause) { to.Command, to.Draining = true, false }); err != nil {
			return err
		}
	}
	if err := p.opts.Journal.Meta.ForgetRestored(); err != nil {
		return err
	}
	counts, _ := p.opts.Journal.Counters.Totals()
	p.opts.Log.Warn("the store was restored from a backup: every target is paused, as what is pending may have been delivered since; "+
		"continue with signalbox targets resume", zap.Int("targets", len(names)), zap.Uint64("pending", counts.Pending()))
	return nil
}
