package store

import (
	"fmt"
	"testing"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestAuditGoesWithTheEvents(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	now := time.Now()
	j.Seqs.now = func() time.Time { return now }
	put := func(entry string) {
		t.Helper()
		if err := j.Audit.Put(uint64(now.UnixNano()), []byte(entry)); err != nil {
			t.Fatal(err)
		}
	}
	latest := func(before uint64, most int) (got []string) {
		t.Helper()
		err := j.Audit.Latest(before, func(_ uint64, entry []byte) bool { got = append(got, string(entry)); return len(got) < most })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for day := range 5 {
		now = now.Add(24 * time.Hour)
		appendOne(t, j)
		put(fmt.Sprintf(`{"day":%d}`, day))
	}
	put(`{"day":"today"}`)
	if _, err := j.Trimmer.Trim(Retention{MaxAge: 36 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(latest(^uint64(0), 10)); got != `[{"day":"today"} {"day":3}]` {
		t.Errorf("kept %s", got)
	}
	if got := fmt.Sprint(latest(uint64(now.UnixNano()), 1)); got != `[{"day":3}]` {
		t.Errorf("before the latest: %s", got)
	}
	checkBalance(t, j)

	broken := func(b *pebble.Batch) error { return b.Set(journal.AuditKey(7), []byte("{"), nil) }
	if err := j.change(broken); err != nil {
		t.Fatal(err)
	}
	view := j.db.NewSnapshot()
	defer view.Close()
	if report, err := journal.VerifyRows(view); err != nil || report.FaultCount != 1 {
		t.Errorf("a broken entry: %v, %v", report.Faults, err)
	}
	if err := j.change(func(b *pebble.Batch) error { return b.Delete(journal.AuditKey(7), nil) }); err != nil {
		t.Fatal(err)
	}
}
