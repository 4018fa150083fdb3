package secret

import (
	"errors"
	"strings"
	"testing"
)

const (
	keyA = "c2lnbmFsYm94LXRlc3Qta2V5LW9mLTMyLWJ5dGVzISE="
	keyB = "YW5vdGhlci10ZXN0LWtleS1vZi10aGlydHktdHdvLWI="
)

func parsed(t *testing.T, texts ...string) Keys {
	t.Helper()
	keys, err := ParseKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func sourceWith(k Keys) Source { return Source{Keys: func() Keys { return k }} }

// TestSealed: what was sealed is opened by any of the keys, and by nothing else.
func TestSealed(t *testing.T) {
	first, second := parsed(t, keyA), parsed(t, keyB, keyA)
	const text = "p4ssw0rd ${HOME} } \x00"
	ref, err := first.Seal(text)
	if err != nil || strings.Contains(ref, "p4ssw0rd") {
		t.Fatalf("%q, %v", ref, err)
	}
	if again, _ := first.Seal(text); again == ref {
		t.Error("sealed twice, it is the same")
	}
	for _, keys := range []Keys{first, second} {
		e, err := sourceWith(keys).Limited(Limits{Env: []string{}, Files: []string{}}, "").Sealed().Expand("Bearer "+ref, "")
		if err != nil || e.Value != "Bearer "+text || e.Masked() != "Bearer ***" {
			t.Errorf("%q, shown as %q, %v", e.Value, e.Masked(), err)
		}
		resolver, noted := sourceWith(keys).Resolving()
		if e, err := resolver.Expand(ref, ""); err != nil || e.Value != text {
			t.Errorf("%q, %v; %+v", e.Value, err, noted)
		}
	}
	changed := strings.Replace(ref, ref[len(ref)-9:len(ref)-5], "AAAA", 1)
	for name, tt := range map[string]struct {
		keys Keys
		ref  string
		want string
	}{
		"another key":   {parsed(t, keyB), ref, "does not have"},
		"no key":        {nil, ref, "has no key"},
		"changed":       {first, changed, "does not have"},
		"cut off":       {first, "${sealed:1.AA}", "does not have"},
		"other form":    {first, "${sealed:2.AAAA}", "not as it was written"},
		"no base64":     {first, "${sealed:1.!}", "not as it was written"},
		"nothing in it": {first, "${sealed:}", "not as it was written"},
	} {
		if e, err := sourceWith(tt.keys).Expand(tt.ref, ""); err == nil || !strings.Contains(err.Error(), tt.want) || e.Value != "" {
			t.Errorf("%s: %q, %v", name, e.Value, err)
		}
	}
	limited := sourceWith(first).Limited(Limits{Env: []string{}}, "")
	resolver, _ := limited.Resolving()
	for _, s := range []Source{limited, resolver} {
		if e, err := s.Expand(ref, ""); err == nil || !strings.Contains(err.Error(), "may not refer to encrypted secrets") || e.Value != "" {
			t.Errorf("where references are limited: %q, %v", e.Value, err)
		}
	}
	if e, err := sourceWith(first).Limited(Limits{}, "").Expand(ref, ""); err != nil || e.Value != text {
		t.Errorf("where nothing is limited: %q, %v", e.Value, err)
	}
	if _, err := (Source{}).Expand(ref, ""); err == nil {
		t.Error("opened without keys")
	}
	if _, err := Keys(nil).Seal("x"); !errors.Is(err, ErrNoKey) {
		t.Errorf("sealed without a key: %v", err)
	}
}

func TestParseKeys(t *testing.T) {
	for _, bad := range []string{"", "x", "c2hvcnQ=", keyA[:20], keyA + keyA} {
		_, err := ParseKeys([]string{keyA, bad})
		if err == nil || !strings.Contains(err.Error(), "key 2 is not the base64 of 32 bytes") || len(bad) > 3 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestLiteral: any text stands for itself.
func TestLiteral(t *testing.T) {
	for _, text := range []string{"", "$", "${", "$${HOME}", "${HOME}", "$$${a}${b}", "plain"} {
		if e, err := vars("HOME", "secret").Expand(Literal(text), ""); err != nil || e.Value != text {
			t.Errorf("%q becomes %q, %v", text, e.Value, err)
		}
	}
}
