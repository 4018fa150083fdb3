package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestVerifyNamesWhatIsCorrupt(t *testing.T) {
	hour := uint64(time.Hour)
	for _, test := range []struct {
		name    string
		corrupt func(j *Journal, s Seq) (key, value []byte) // a nil value deletes
		want    string
	}{
		{"nothing", nil, ""},
		{"event", func(_ *Journal, s Seq) ([]byte, []byte) { return eventKey(s), []byte("x") }, "the record is corrupt"},
		{"event gone", func(_ *Journal, s Seq) ([]byte, []byte) { return eventKey(s), nil }, "its event is not there"},
		{"id", func(_ *Journal, s Seq) ([]byte, []byte) { return idKey(hourOf(s)+1, "a", s), []byte{} }, "not accepted in its hour"},
		{"id of no event", func(_ *Journal, s Seq) ([]byte, []byte) {
			later := s + Seq(2*hour)
			return idKey(hourOf(later), "a", later), []byte{}
		}, "is not there"},
		{"lane", func(*Journal, Seq) ([]byte, []byte) { return laneKey("b"), []byte{0, 0, 0, 0} }, `number 0 of lane`},
		{"counts", func(*Journal, Seq) ([]byte, []byte) {
			return countKey(0), (&Counts{Planned: 2, Ready: 2}).appendValue(nil)
		}, "the accounts say 2 ready"},
		{"balance", func(*Journal, Seq) ([]byte, []byte) {
			return countKey(0), (&Counts{Planned: 2, Ready: 1}).appendValue(nil)
		}, "do not balance"},
		{"ready", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s}
			return d.appendKey(nil), []byte("x")
		}, "corrupt"},
		{"waiting", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, N: 7, State: Waiting, Due: time.Unix(1, 0)}
			v, _ := d.appendValue(nil)
			return d.appendKey(nil), v
		}, "on disk are 1, 1"},
		{"dead", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, State: Dead}
			return d.appendKey(nil), []byte("x")
		}, "corrupt"},
		{"parked", func(*Journal, Seq) ([]byte, []byte) { return []byte{tableOrder, 1}, []byte("x") }, "the key is not valid"},
		{"held", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, N: 7, State: Held}
			v, _ := d.appendValue(nil)
			return d.appendKey(nil), v
		}, "on disk are 1, 0, 0, 1"},
		{"fingerprint", func(*Journal, Seq) ([]byte, []byte) { return []byte{tableDedup, 1}, []byte("x") }, "fingerprint"},
		{"no table", func(*Journal, Seq) ([]byte, []byte) { return []byte("Z"), []byte("x") }, "no table"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := vfs.NewMem()
			j, err := Open("data", Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			l := lane(t, j, "a")
			r := j.Reserve(1)
			s := r.At(0)
			err = j.Append([]Entry{{
				Record:     Record{Seq: s, Envelope: []byte(`{"version":"0","id":"a","detail-type":"T","source":"s","account":"0","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail":{}}`), GivenID: "a"},
				Deliveries: []Delivery{{Seq: s, Lane: l}}, Fingerprint: &Fingerprint{1}, EventID: "a",
			}})
			r.Release()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify("data", fs, nil); !errors.Is(err, ErrLocked) {
				t.Errorf("of an open store: %v", err)
			}
			if test.corrupt != nil {
				if k, v := test.corrupt(j, s); v == nil {
					err = j.db.Delete(k, pebble.Sync)
				} else {
					err = j.db.Set(k, v, pebble.Sync)
				}
			}
			if err := errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}
			report, err := Verify("data", fs, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(report.Faults, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, err := Verify("none", vfs.NewMem(), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no store: %v", err)
	}
}
