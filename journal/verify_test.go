package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/event"

	"signalbox/journal/internal/disk"
)

const verifyEnvelope = `{"version":"0","id":"a","detail-type":"T","source":"s","account":"0","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail":{}}`

var (
	verified, _   = new(event.Metadata).AppendBinary(nil)
	verifyReaders = Readers{
		Job: func(id string, state []byte) error {
			if string(state) != "j" {
				return fmt.Errorf("job %s: corrupt", id)
			}
			return nil
		},
		Work: func(w Work) error {
			if string(w.Value) != "w" {
				return errors.New("work: corrupt")
			}
			return nil
		},
	}
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
		{"metadata", func(_ *Journal, s Seq) ([]byte, []byte) {
			return eventKey(s), (&Record{Meta: []byte("x"), Envelope: []byte(verifyEnvelope)}).appendValue(nil)
		}, "metadata: version"},
		{"version", func(*Journal, Seq) ([]byte, []byte) { return versionKey, []byte("two") }, `store version "two"`},
		{"horizon", func(*Journal, Seq) ([]byte, []byte) { return horizonKey, []byte("x") }, "horizon of retention"},
		{"meta", func(*Journal, Seq) ([]byte, []byte) { return []byte{tableMeta, 'z'}, []byte{} }, `meta "z"`},
		{"id before the horizon", func(_ *Journal, s Seq) ([]byte, []byte) {
			return horizonKey, binary.BigEndian.AppendUint64(nil, uint64(s)+hour)
		}, "before the oldest hour"},
		{"story", func(_ *Journal, s Seq) ([]byte, []byte) { return []byte{tableStory, 1}, []byte{} }, "story 6f01: the key is not valid"},
		{"story of no event", func(_ *Journal, s Seq) ([]byte, []byte) {
			return storyKey(hourOf(s+1), byCausation, "b", s+1), []byte{}
		}, "is not there"},
		{"fingerprint of no event", func(_ *Journal, s Seq) ([]byte, []byte) {
			return dedupKey(bucketOf(s+1), &Fingerprint{2}), (&First{Seq: s + 1}).appendValue(nil)
		}, "is not there"},
		{"fingerprint elsewhen", func(_ *Journal, s Seq) ([]byte, []byte) {
			return dedupKey(bucketOf(s)+1, &Fingerprint{2}), (&First{Seq: s}).appendValue(nil)
		}, "not accepted in its 5 minutes"},
		{"state", func(*Journal, Seq) ([]byte, []byte) { return stateKey("order", "1"), []byte("x") }, "state"},
		{"state's event", func(_ *Journal, s Seq) ([]byte, []byte) {
			v := binary.BigEndian.AppendUint64([]byte{recordV1, 0}, uint64(s+1))
			return stateKey("order", "1"), (&Record{Meta: verified, Envelope: []byte(verifyEnvelope)}).appendValue(v)
		}, `state of order "1": its event`},
		{"touch", func(_ *Journal, s Seq) ([]byte, []byte) {
			return binary.BigEndian.AppendUint16(touchKey(s), 0), []byte("x")
		}, "touch of event"},
		{"touch's key", func(_ *Journal, s Seq) ([]byte, []byte) { return touchKey(s)[:3], []byte("x") }, "the key is not valid"},
		{"touch of no event", func(_ *Journal, s Seq) ([]byte, []byte) { return touchKey(s + 1), []byte("[]") }, "the event is not there"},
		{"derived event", func(_ *Journal, s Seq) ([]byte, []byte) { return derivedKey(s, 1)[:9], []byte{} }, "the key is not valid"},
		{"work", func(_ *Journal, s Seq) ([]byte, []byte) { return workKey(s), []byte("x") }, "work: corrupt"},
		{"work of no event", func(_ *Journal, s Seq) ([]byte, []byte) { return workKey(s + 1), []byte("w") }, "the event is not there"},
		{"job", func(*Journal, Seq) ([]byte, []byte) { return jobKey("1"), []byte("x") }, "job 1: corrupt"},
		{"pause", func(*Journal, Seq) ([]byte, []byte) { return []byte("pta\x00"), []byte("x") }, "pause"},
		{"pause of another", func(*Journal, Seq) ([]byte, []byte) { return []byte("pt\x00a"), []byte(`{"name":"b"}`) }, `to be of "b"`},
		{"held by nothing", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, N: 7, State: Held, Hold: 9}
			v, _ := d.appendValue(nil)
			return d.appendKey(nil), v
		}, "suspended by 9, which is no pause"},
		{"ordering key", func(*Journal, Seq) ([]byte, []byte) { return appendOrderKey(nil, 0, 1), []byte("x") }, "ordering key"},
		{"ordering key of another", func(*Journal, Seq) ([]byte, []byte) {
			return appendOrderKey(nil, 0, 1), []byte(`{"key":"k"}`)
		}, `its record is of key "k"`},
		{"ordering keys", func(*Journal, Seq) ([]byte, []byte) {
			return appendOrderKey(nil, 0, HashKey("k")), []byte(`{"key":"k"}`)
		}, "the accounts say 0 blocked ordering keys; on disk are 1"},
		{"parked behind nothing", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, N: 7, State: Parked, Key: "k"}
			v, _ := d.appendValue(nil)
			return d.appendKey(nil), v
		}, "has no record"},
		{"stopped by nothing", func(_ *Journal, s Seq) ([]byte, []byte) {
			return appendOrderKey(nil, 0, HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, KeyStopped, s)
		}, `ordering key "k" of lane "a": it is stopped, and its head`},
		{"held, and is not", func(_ *Journal, s Seq) ([]byte, []byte) {
			return appendOrderKey(nil, 0, HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, KeyHeld, s)
		}, `ordering key "k" of lane "a": it is held, and its head`},
		{"waits for nothing", func(_ *Journal, s Seq) ([]byte, []byte) {
			return appendOrderKey(nil, 0, HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, KeyWaits, s)
		}, `lane "a": 1 ordering keys wait for their heads, of which 0 do wait`},
		{"waits beside its key", func(_ *Journal, s Seq) ([]byte, []byte) {
			d := Delivery{Seq: s, N: 7, State: Waiting, Due: s.Time(), Key: "k"}
			v, _ := d.appendValue(nil)
			return d.appendKey(nil), v
		}, `it waits and its ordering key "k" has no record`},
		{"no table", func(*Journal, Seq) ([]byte, []byte) { return []byte("Z"), []byte("x") }, "no table"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := vfs.NewMem()
			j, err := Open("data", Options{Disk: disk.New(fs)})
			if err != nil {
				t.Fatal(err)
			}
			l := lane(t, j, "a")
			r := j.Seqs.Reserve(1)
			s := r.At(0)
			j.Traces.Keep(true)
			err = j.Append([]Entry{{
				Record:     Record{Seq: s, Meta: verified, Envelope: []byte(verifyEnvelope), GivenID: "a"},
				Deliveries: []Delivery{{Seq: s, Lane: l}}, Fingerprint: &Fingerprint{1}, EventID: "a",
				Object: &Object{Type: "order", Key: "1"}, Works: []Work{{s, []byte("w")}},
				Said: []Said{{Rule: "r"}}, Story: Story{"c", "p"},
			}})
			err = errors.Join(err, j.MoveJob(nil, "1", func() []byte { return []byte("j") }), j.Pauses.Put(Pause{Kind: PauseTarget, Name: "a", Hold: 1}))
			if err != nil {
				t.Fatal(err)
			}
			r.Release()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify("data", disk.New(fs), Readers{}, nil); !errors.Is(err, ErrLocked) {
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
			report, err := Verify("data", disk.New(fs), verifyReaders, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(report.Faults, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, err := Verify("none", InMemory(), Readers{}, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no store: %v", err)
	}
}
