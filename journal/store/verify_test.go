package store

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
	"signalbox/journal"

	"signalbox/journal/internal/disk"
	"signalbox/journal/internal/files"
)

const verifyEnvelope = `{"version":"0","id":"a","detail-type":"T","source":"s","account":"0","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail":{}}`

var (
	verified, _   = new(event.Metadata).AppendBinary(nil)
	telling, _    = (&event.Metadata{TellsState: true}).AppendBinary(nil)
	verifyReaders = journal.Readers{
		Job: func(id string, state []byte) error {
			if string(state) != "j" {
				return fmt.Errorf("job %s: corrupt", id)
			}
			return nil
		},
		Work: func(w journal.Work) error {
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
		corrupt func(j *Journal, s journal.Seq) (key, value []byte) // a nil value deletes
		want    string
	}{
		{"nothing", nil, ""},
		{"event", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.EventKey(s), []byte("x") }, "the record is corrupt"},
		{"event gone", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.EventKey(s), nil }, "its event is not there"},
		{"id", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.IDKey(journal.HourOf(s)+1, "a", s), []byte{}
		}, "not accepted in its hour"},
		{"id of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			later := s + journal.Seq(2*hour)
			return journal.IDKey(journal.HourOf(later), "a", later), []byte{}
		}, "is not there"},
		{"lane", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.LaneKey("b"), []byte{0, 0, 0, 0} }, `number 0 of lane`},
		{"counts", func(*Journal, journal.Seq) ([]byte, []byte) {
			return journal.CountKey(0), (&journal.Counts{Planned: 2, Ready: 2}).AppendValue(nil)
		}, "the accounts say 2 ready"},
		{"balance", func(*Journal, journal.Seq) ([]byte, []byte) {
			return journal.CountKey(0), (&journal.Counts{Planned: 2, Ready: 1}).AppendValue(nil)
		}, "do not balance"},
		{"ready", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s}
			return d.AppendKey(nil), []byte("x")
		}, "corrupt"},
		{"waiting", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, State: journal.Waiting, Due: time.Unix(1, 0)}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, "on disk are 1, 1"},
		{"forward", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, Forward: &journal.Forward{Of: "a"}}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, "of a dead letter, and its number is none of these"},
		{"dead", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, State: journal.Dead}
			return d.AppendKey(nil), []byte("x")
		}, "corrupt"},
		{"parked", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte{journal.TableOrder, 1}, []byte("x") }, "the key is not valid"},
		{"held", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, State: journal.Held}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, "on disk are 1, 0, 0, 1"},
		{"fingerprint", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte{journal.TableDedup, 1}, []byte("x") }, "fingerprint"},
		{"metadata", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.EventKey(s), (&journal.Record{Meta: []byte("x"), Envelope: []byte(verifyEnvelope)}).AppendValue(nil)
		}, "metadata: version"},
		{"version", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.VersionKey, []byte("two") }, `store version "two"`},
		{"horizon", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.HorizonKey, []byte("x") }, "horizon of retention"},
		{"meta", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte{journal.TableMeta, 'z'}, []byte{} }, `meta "z"`},
		{"id before the horizon", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.HorizonKey, binary.BigEndian.AppendUint64(nil, uint64(s)+hour)
		}, "before the oldest hour"},
		{"story", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return []byte{journal.TableStory, 1}, []byte{} }, "story 6f01: the key is not valid"},
		{"story of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.StoryKey(journal.HourOf(s+1), journal.ByCausation, "b", s+1), []byte{}
		}, "is not there"},
		{"fingerprint of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.DedupKey(journal.BucketOf(s+1), &journal.Fingerprint{2}), (&journal.First{Seq: s + 1}).AppendValue(nil)
		}, "is not there"},
		{"fingerprint elsewhen", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.DedupKey(journal.BucketOf(s)+1, &journal.Fingerprint{2}), (&journal.First{Seq: s}).AppendValue(nil)
		}, "not accepted in its 5 minutes"},
		{"state", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.StateKey("order", "1"), []byte("x") }, "state"},
		{"state's event", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			v := binary.BigEndian.AppendUint64([]byte{journal.RecordV1, 0}, uint64(s+1))
			return journal.StateKey("order", "1"), (&journal.Record{Meta: verified, Envelope: []byte(verifyEnvelope)}).AppendValue(v)
		}, `state of order "1": its event`},
		{"state's event not indexed", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			k, _ := (&journal.Change{Object: journal.Object{Type: "order", Key: "1"}, Seq: s}).Row()
			return k, nil
		}, "is not in the index of changes"},
		{"event not indexed", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			k, _ := (&journal.Change{Object: journal.Object{Type: "order", Key: "1"}, Seq: s}).Row()
			return k, nil
		}, "the events and their index differ, by 1"},
		{"event indexed late", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return (&journal.Change{Object: journal.Object{Type: "customer", Key: "1"}, Seq: s, Added: true}).Row()
		}, ""},
		{"change of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return (&journal.Change{Object: journal.Object{Type: "order", Key: "1"}, Seq: s + 1}).Row()
		}, "is not there"},
		{"change of another", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			k, _ := (&journal.Change{Object: journal.Object{Type: "order", Key: "1"}, Seq: s}).Row()
			_, v := (&journal.Change{Object: journal.Object{Type: "order", Key: "2"}, Seq: s}).Row()
			return k, v
		}, `it is of order "2", whose key is another`},
		{"change", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("v1"), []byte("x") }, "change 7631: the record is corrupt"},
		{"snapshot", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("f\x00\x01o\x00\x011\x00"), []byte("x") }, "snapshot 66"},
		{"changes since", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("mc"), []byte("x") }, "changes of objects since"},
		{"folds", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("mforder"), []byte("x") }, `folds of "order"`},
		{"touch", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return binary.BigEndian.AppendUint16(journal.TouchKey(s), 0), []byte("x")
		}, "touch of event"},
		{"touch's key", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.TouchKey(s)[:3], []byte("x") }, "the key is not valid"},
		{"touch of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.TouchKey(s + 1), []byte("[]") }, "the event is not there"},
		{"derived event", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.DerivedKey(s, 1)[:9], []byte{} }, "the key is not valid"},
		{"work", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.WorkKey(s), []byte("x") }, "work: corrupt"},
		{"work of no event", func(_ *Journal, s journal.Seq) ([]byte, []byte) { return journal.WorkKey(s + 1), []byte("w") }, "the event is not there"},
		{"job", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.JobKey("1"), []byte("x") }, "job 1: corrupt"},
		{"pause", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("pta\x00"), []byte("x") }, "pause"},
		{"pause of another", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("pt\x00a"), []byte(`{"name":"b"}`) }, `to be of "b"`},
		{"held by nothing", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, State: journal.Held, Hold: 9}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, "suspended by 9, which is no pause"},
		{"ordering key", func(*Journal, journal.Seq) ([]byte, []byte) { return journal.AppendOrderKey(nil, 0, 1), []byte("x") }, "ordering key"},
		{"ordering key of another", func(*Journal, journal.Seq) ([]byte, []byte) {
			return journal.AppendOrderKey(nil, 0, 1), []byte(`{"key":"k"}`)
		}, `its record is of key "k"`},
		{"ordering keys", func(*Journal, journal.Seq) ([]byte, []byte) {
			return journal.AppendOrderKey(nil, 0, journal.HashKey("k")), []byte(`{"key":"k"}`)
		}, "the accounts say 0 blocked ordering keys; on disk are 1"},
		{"parked behind nothing", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, State: journal.Parked, Key: "k"}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, "has no record"},
		{"stopped by nothing", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.AppendOrderKey(nil, 0, journal.HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, journal.KeyStopped, s)
		}, `ordering key "k" of lane "a": it is stopped, and its head`},
		{"held, and is not", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.AppendOrderKey(nil, 0, journal.HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, journal.KeyHeld, s)
		}, `ordering key "k" of lane "a": it is held, and its head`},
		{"waits for nothing", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.AppendOrderKey(nil, 0, journal.HashKey("k")), fmt.Appendf(nil, `{"key":"k","state":%d,"seq":%d}`, journal.KeyWaits, s)
		}, `lane "a": 1 ordering keys wait for their heads, of which 0 do wait`},
		{"waits beside its key", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			d := journal.Delivery{Seq: s, N: 7, State: journal.Waiting, Due: s.Time(), Key: "k"}
			v, _ := d.AppendValue(nil)
			return d.AppendKey(nil), v
		}, `it waits and its ordering key "k" has no record`},
		{"repeats of nothing", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.RepeatedKey(s + 1), (&journal.Repeated{Times: 1, Last: s.Time()}).AppendValue(nil)
		}, "it is not there"},
		{"repeats of zero times", func(_ *Journal, s journal.Seq) ([]byte, []byte) {
			return journal.RepeatedKey(s), []byte{0, 1}
		}, "repeats 6e"},
		{"no table", func(*Journal, journal.Seq) ([]byte, []byte) { return []byte("Z"), []byte("x") }, "no table"},
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
			err = j.Append([]journal.Entry{{
				Record:     journal.Record{Seq: s, Meta: telling, Envelope: []byte(verifyEnvelope), GivenID: "a"},
				Deliveries: []journal.Delivery{{Seq: s, Lane: l}}, Fingerprint: &journal.Fingerprint{1}, EventID: "a",
				Object: &journal.Object{Type: "order", Key: "1"}, Works: []journal.Work{{Seq: s, Value: []byte("w")}},
				Said: []journal.Said{{Rule: "r"}}, Story: journal.Story{Correlation: "c", Causation: "p"},
			}})
			err = errors.Join(err, j.MoveJob(nil, "1", func() []byte { return []byte("j") }), j.Pauses.Put(journal.Pause{Kind: journal.PauseTarget, Name: "a", Hold: 1}))
			if err != nil {
				t.Fatal(err)
			}
			r.Release()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := journal.Verify("data", disk.New(fs), journal.Readers{}, nil); !errors.Is(err, files.ErrLocked) {
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
			report, err := journal.Verify("data", disk.New(fs), verifyReaders, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(report.Faults, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, err := journal.Verify("none", InMemory(), journal.Readers{}, nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("of no store: %v", err)
	}
}
