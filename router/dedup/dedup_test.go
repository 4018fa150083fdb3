package dedup

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

func order(id string) *event.Event {
	e := &event.Event{ID: id, Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"id":1}`)}
	e.Meta.Bus = "default"
	return e
}

func open(t *testing.T) *Filter {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := New(j, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// accept takes every event in.
func accept(evs []*event.Event, _ []Fresh) ([]error, error) { return make([]error, len(evs)), nil }

// A request whose first gives up, without having been accepted, is not told
// success: it takes the event in itself.
func TestARepeatWaitsForItsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		full, fail := errors.New("the disk is full"), make(chan struct{})
		first := make(chan error)
		go func() {
			_, err := d.Once(t.Context(), []*event.Event{order("1")}, func([]*event.Event, []Fresh) ([]error, error) {
				<-fail
				return nil, full
			})
			first <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := d.Once(ctx, []*event.Event{order("1")}, accept); gone <- err }()
		second := make(chan Outcome)
		go func() {
			out, err := d.Once(t.Context(), []*event.Event{order("1")}, accept)
			if err != nil {
				t.Error(err)
			}
			second <- out
		}()
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("answered before its first")
		default:
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(fail)
		if err := <-first; !errors.Is(err, full) {
			t.Errorf("the first got %v", err)
		}
		if out := <-second; len(out.Repeated) != 0 || out.Errs[0] != nil {
			t.Errorf("told to be a duplicate of an event that was never accepted: %+v", out)
		}
		if len(d.claimed) != 0 {
			t.Error("claims are left over")
		}
	})
}

func TestARequestRepeatsItself(t *testing.T) {
	d := open(t)
	evs := []*event.Event{order("1"), order("2"), order("1"), order("")}
	evs = append(evs, order("2"))
	evs[4].Detail = []byte(`{"id":2}`)
	refused := errors.New("refused")
	out, err := d.Once(t.Context(), evs, func(evs []*event.Event, fresh []Fresh) ([]error, error) {
		if len(evs) != 4 || fresh[0].Print == nil || fresh[2].Print != nil || len(fresh[3].Marks) != 1 {
			t.Errorf("got %d events with %+v", len(evs), fresh)
		}
		return []error{refused, nil, nil, nil}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{refused, nil, refused, nil, nil} {
		if out.Errs[i] != want {
			t.Errorf("event %d: %v, want %v: a repeat is refused with its first", i, out.Errs[i], want)
		}
	}
	if len(out.Repeated) != 0 || len(out.Reused) != 1 || out.Reused[0] != evs[4] {
		t.Errorf("got %+v, want the last event's id to be told as reused", out)
	}
}

func TestWithoutAWindowEveryEventIsNew(t *testing.T) {
	d, err := New(nil, 0)
	if err != nil || d != nil || d.Knows([]*event.Event{order("1")}) {
		t.Fatalf("got %v, %v", d, err)
	}
	d.Doubt()
	out, err := d.Once(t.Context(), []*event.Event{order("1"), order("1")}, accept)
	if err != nil || len(out.Errs) != 2 || len(out.Repeated) != 0 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestTheFilterForgetsNothingWithinTheWindow(t *testing.T) {
	r := recent{window: time.Minute}
	start := time.Now()
	at := func(i int) journal.Fingerprint {
		var f journal.Fingerprint
		binary.LittleEndian.PutUint64(f[:], uint64(i)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(f[8:], uint64(i)*0xd1342543de82ef95)
		return f
	}
	wrong := 0
	for i := range 1000 { // one a second
		f := at(i)
		now := start.Add(time.Duration(i) * time.Second)
		if r.add(&f, now) {
			wrong++
		}
		if i >= 59 {
			if g := at(i - 59); !r.add(&g, now) {
				t.Fatalf("%d was forgotten at %d", i-59, i)
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%d of 1000 new ones were taken for known ones", wrong)
	}
}

func BenchmarkFingerprint(b *testing.B) {
	e := order("0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e")
	r := recent{window: time.Minute}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.add(fingerprint(e, ""), now)
	}
}
