package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// audit appends events that tell the states of objects, in one request.
func audit(t *testing.T, j *Journal, r Reservation, objects ...journal.Object) {
	t.Helper()
	entries := make([]journal.Entry, len(objects))
	for i := range objects {
		entries[i] = journal.Entry{Record: journal.Record{Seq: r.At(i), Meta: []byte("m"), Envelope: fmt.Appendf(nil, `{"n":%d}`, r.At(i))}, Object: &objects[i]}
	}
	if err := j.Append(entries); err != nil {
		t.Fatal(err)
	}
	r.Release()
}

func TestTheLatestStateIsKept(t *testing.T) {
	fs := vfs.NewMem()
	j := open(t, fs)
	early, late := j.Seqs.Reserve(1), j.Seqs.Reserve(3)
	audit(t, j, late, journal.Object{Type: "customer", Key: "a/b.c"}, journal.Object{Type: "customer", Key: "x"}, journal.Object{Type: "customer", Key: "x", Gone: true})
	audit(t, j, early, journal.Object{Type: "customer", Key: "a/b.c"}) // reached the disk later, but is older
	for range 2 {
		s, err := j.Objects.State("customer", "a/b.c")
		if err != nil || s.Version != late.At(0) || string(s.Record.Envelope) != fmt.Sprintf(`{"n":%d}`, late.At(0)) || s.Gone {
			t.Errorf("got %+v, %v", s, err)
		}
		s, err = j.Objects.State("customer", "x")
		if err != nil || s.Version != late.At(2) || !s.Gone {
			t.Errorf("an object that is gone: got %+v, %v", s, err)
		}
		if _, err := j.Objects.State("customer", "a"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("an unknown object: got %v", err)
		}
		if _, err := j.Trimmer.Trim(Retention{MaxBytes: 1}); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, fs) // and so it is after retention and a restart
	}
}

func TestStatesAreListedByPrefix(t *testing.T) {
	j := open(t, vfs.NewMem())
	var objects []journal.Object
	for _, key := range []string{"a", "a/1", "a/2", "a\xff", "b", "", "\xff\xff"} {
		objects = append(objects, journal.Object{Type: "t", Key: key})
	}
	objects = append(objects, journal.Object{Type: "tt", Key: "a"}, journal.Object{Type: "", Key: "a"}, journal.Object{Type: "\xff", Key: "\xff"})
	audit(t, j, j.Seqs.Reserve(len(objects)), objects...)
	for _, tc := range []struct {
		kind, prefix, after string
		want                []string
	}{
		{"t", "", "", []string{"", "a", "a/1", "a/2", "a\xff", "b", "\xff\xff"}},
		{"t", "a", "", []string{"a", "a/1", "a/2", "a\xff"}},
		{"t", "a", "a", []string{"a/1", "a/2", "a\xff"}},
		{"t", "a", "a/1", []string{"a/2", "a\xff"}},
		{"t", "b", "a", []string{"b"}},
		{"t", "\xff", "", []string{"\xff\xff"}},
		{"\xff", "\xff", "", []string{"\xff"}},
		{"", "", "", []string{"a"}},
		{"none", "", "", nil},
	} {
		var got []string
		if err := j.Objects.States(tc.kind, tc.prefix, tc.after, func(s journal.ObjectState) bool { got = append(got, s.Key); return true }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q, prefix %q after %q: got %q, want %q", tc.kind, tc.prefix, tc.after, got, tc.want)
		}
	}
	for _, tc := range []struct {
		after string
		limit int
		want  []string
	}{
		{"", 10, []string{"", "t", "\xff", "tt"}},
		{"", 2, []string{"", "t"}},
		{"t", 2, []string{"\xff", "tt"}},
		{"u", 10, []string{"\xff", "tt"}},
		{"tt", 10, nil},
	} {
		if types, err := j.Objects.Types(tc.after, tc.limit); err != nil || !slices.Equal(types, tc.want) {
			t.Errorf("%d types after %q: got %q, %v, want %q", tc.limit, tc.after, types, err, tc.want)
		}
	}
}

func TestATooLongNameIsRefused(t *testing.T) {
	j := open(t, vfs.NewMem())
	r := j.Seqs.Reserve(1)
	defer r.Release()
	err := j.Append([]journal.Entry{{Record: journal.Record{Seq: r.At(0)}, Object: &journal.Object{Type: "t", Key: strings.Repeat("k", journal.MaxObjectName+1)}}})
	if err == nil || !strings.Contains(err.Error(), "longer than 1024 bytes") {
		t.Errorf("got %v", err)
	}
	if _, events := j.Counters.Totals(); events.Accepted != 0 {
		t.Error("the event was accepted")
	}
}
