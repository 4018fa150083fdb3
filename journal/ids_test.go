package journal

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestEventIDLeadsBackToItsSeq(t *testing.T) {
	for range 1000 {
		s := SeqAt(time.Unix(rand.Int64N(4e9), rand.Int64N(1e9)))
		id := NewEventID(s)
		if u := uuid.MustParse(id); u.Version() != 7 || u.Variant() != uuid.RFC4122 {
			t.Fatalf("%s: version %d, variant %v", id, u.Version(), u.Variant())
		}
		if got, ok := SeqOfEventID(id); !ok || got != s {
			t.Fatalf("%s: got %d, %v; want %d", id, got, ok, s)
		}
		sec, nsec := uuid.MustParse(id).Time().UnixTime()
		if got := time.Unix(sec, nsec); got.UnixMilli() != s.Time().UnixMilli() {
			t.Fatalf("%s: the id's own time is %v, want %v", id, got, s.Time())
		}
	}
	if a, b := NewEventID(1), NewEventID(1); a == b {
		t.Fatal("two ids of one number are the same: the id can be guessed")
	}
	for _, other := range []string{"", "x", uuid.NewString(), "01976b4c-0000-7fff-bfff-ffffffffffff"} {
		if s, ok := SeqOfEventID(other); ok {
			t.Errorf("%q: got %d", other, s)
		}
	}
}

func TestDeliveryIDIsStableAndLeadsBackToItsSeq(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := SeqAt(time.Unix(rand.Int64N(4e9), rand.Int64N(1e9)))
		id := DeliveryID(s, "default", "rule", "target")
		if u := uuid.MustParse(id); u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Fatalf("%s: version %d, variant %v", id, u.Version(), u.Variant())
		}
		if got, ok := SeqOfDeliveryID(id); !ok || got != s {
			t.Fatalf("%s: got %d, %v; want %d", id, got, ok, s)
		}
		if id != DeliveryID(s, "default", "rule", "target") {
			t.Fatal("the id changes")
		}
		for _, other := range []string{
			DeliveryID(s, "other", "rule", "target"), DeliveryID(s, "default", "rul", "etarget"),
			DeliveryID(s, "default", "rule", "other"), DeliveryID(s+1, "default", "rule", "target"),
		} {
			if other == id {
				t.Fatalf("%s stands for two deliveries", id)
			}
		}
		if seen[id] {
			t.Fatalf("%s comes twice", id)
		}
		seen[id] = true
	}
}
