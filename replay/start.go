package replay

import (
	"time"

	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/rules"
)

// Unstarted returns those of some rules' targets for which what lies in the past has not been
// replayed yet.
func (r *Replays) Unstarted(all []rules.Starting) (unstarted []rules.Starting) {
	if len(all) == 0 {
		return nil
	}
	known := map[rules.Starting]bool{}
	r.Locked(func() {
		for _, j := range r.All() {
			for _, s := range j.Starts {
				known[s] = true
			}
		}
	})
	for _, s := range all {
		if !known[placeOf(s)] {
			unstarted = append(unstarted, s)
		}
	}
	return unstarted
}

// placeOf returns a start without where it begins: that it has begun once counts.
func placeOf(s rules.Starting) rules.Starting {
	return rules.Starting{Bus: s.Bus, Rule: s.Rule, Target: s.Target}
}

// StartBefore begins to replay what lies before an event to rules' targets that begin in the
// past, and returns once it is on disk that they have begun. The rules need not serve yet.
func (r *Replays) StartBefore(before journal.Seq, all []rules.Starting) error {
	from := map[time.Time][]rules.Starting{}
	for _, s := range all {
		from[s.Start.From] = append(from[s.Start.From], placeOf(s))
	}
	for at, starts := range from {
		if err := r.startAt(at, before, starts); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replays) startAt(at time.Time, before journal.Seq, starts []rules.Starting) error {
	now := r.opts.Journal.Seqs.Clock().Time()
	s := span{journal.SeqAt(at), before}
	if !r.opts.Past.Archived() {
		s.from = max(s.from, r.opts.Journal.Seqs.Oldest())
	}
	s.from = min(s.from, before)
	j := newJob(Request{Name: "start-" + jobs.NewID(now), Since: at}, s)
	j.StartedAt, j.Starts = now, starts
	if err := r.ready(j); err != nil {
		return err
	}
	return r.Add(j)
}
