package auth

import (
	"strings"
	"testing"
)

func TestNewKeysRefuses(t *testing.T) {
	_, err := NewKeys([]Key{{Token: "short"}, {Name: "shop", Token: "with/slash/in/the/key"}, {Token: "a-good-key-of-ours"}, {Name: "n"},
		{Name: "half", ID: "AKID"}, {ID: "A", Secret: "0123456789abcdef"}, {ID: "A", Secret: "0123456789abcdef"}})
	if err == nil {
		t.Fatal("all were taken")
	}
	for _, want := range []string{"key 1 has 5 bytes", "key 2 (shop) has a slash", "key 4 (n) has neither", "key 5 (half) has only one", "key 7 has the id of another"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "key 3") {
		t.Errorf("the error shows too much: %v", err)
	}
}

func TestRights(t *testing.T) {
	keys, err := NewKeys([]Key{{Name: "k", Token: "0123456789abcdef", Rights: Rights{Send: []string{"orders", "shop-*", "a.b"}, Held: []Right{Read}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &keys.list[0].Rights
	for bus, want := range map[string]bool{"orders": true, "orders2": false, "shop-": true, "shop-eu": true, "xshop-eu": false, "a.b": true, "aXb": false, "": false} {
		if r.MaySend(bus) != want {
			t.Errorf("bus %q: %v", bus, !want)
		}
	}
	for right, want := range map[Right]bool{Nobody: true, Send: true, Read: true, Operate: false, Admin: false} {
		if r.May(right) != want {
			t.Errorf("%q: %v", right, !want)
		}
	}
	if admin := (&Rights{Held: []Right{Admin}}); !admin.May(Operate) || !admin.MaySend("any") {
		t.Error("admin may not all")
	}
}
