package store

import (
	"errors"
	"testing"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func jobsOf(t *testing.T, j *Journal) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := j.Jobs.All(journal.JobRedrive, func(id string, state []byte) error { all[id] = string(state); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// A job's state is written with its moves, and knows which of them were made.
func TestAJobIsWrittenWithItsMoves(t *testing.T) {
	fs := vfs.NewCrashableMem()
	j := open(t, fs)
	l := lane(t, j, "a")
	d := appendOne(t, j, l).Deliveries[0]
	dead := d
	dead.State, dead.Death = journal.Dead, &journal.Death{Code: "TIMEOUT"}
	r := journal.Record{Seq: d.Seq, Meta: []byte("meta"), Envelope: []byte("{}")}
	if err := j.MoveSync([]journal.Move{{From: d, To: &dead, Record: &r}}); err != nil {
		t.Fatal(err)
	}
	out := dead
	out.State, out.Lineage = journal.Ready, dead.Lineage.With(journal.Redrive{Job: "one"}, journal.Out{Lane: l})
	for _, want := range []string{"made", "taken"} {
		moves := []journal.Move{{From: dead, To: &out, Record: &r}}
		err := j.MoveJob(moves, "one", func() []byte {
			if moves[0].Made {
				return []byte("made")
			}
			return []byte("taken")
		})
		if err != nil || jobsOf(t, j)["one"] != want {
			t.Fatalf("got %v, %v; want %s", jobsOf(t, j), err, want)
		}
	}
	crashed := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	if got := jobsOf(t, crashed)["one"]; got != "taken" {
		t.Errorf("after a crash: %q", got)
	}
	found, err := crashed.Deliveries.Find(journal.Delivery{Seq: d.Seq, N: d.N, Lane: l, State: journal.Ready})
	if err != nil || found.Delivery.RedriveJob() != "one" || !found.Delivery.Redriven() || found.Delivery.Death.Code != "TIMEOUT" {
		t.Errorf("after a crash: %+v, %v", found, err)
	}
	if err := crashed.MoveJob(nil, "one", func() []byte { return nil }); err != nil || len(jobsOf(t, crashed)) != 0 {
		t.Errorf("forgotten: %v, %v", jobsOf(t, crashed), err)
	}
}

func TestFindKnowsOnlyTheVeryPlace(t *testing.T) {
	j := open(t, vfs.NewMem())
	l := lane(t, j, "a")
	d := appendOne(t, j, l).Deliveries[0]
	due := time.Unix(1e9, 0).UTC()
	waiting := d
	waiting.State, waiting.Due = journal.Waiting, due
	move(t, j, journal.Move{From: d, To: &waiting})
	if found, err := j.Deliveries.Find(waiting); err != nil || found.Delivery.Rule != d.Rule || len(found.Record.Envelope) == 0 {
		t.Errorf("got %+v, %v", found, err)
	}
	for name, at := range map[string]journal.Delivery{
		"ready":       {Seq: d.Seq, N: d.N, Lane: l},
		"dead":        {Seq: d.Seq, N: d.N, Lane: l, State: journal.Dead},
		"another due": {Seq: d.Seq, N: d.N, Lane: l, State: journal.Waiting, Due: due.Add(1)},
	} {
		if _, err := j.Deliveries.Find(at); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	n := 0
	err := j.Deliveries.WaitingPlaces(l, func(at journal.Delivery) bool { n++; return at.Seq == d.Seq && at.Due.Equal(due) })
	if err != nil || n != 1 {
		t.Errorf("%d places wait, %v", n, err)
	}
}
