package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("t0k3n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, value, masked string }{
		{"", "", ""},
		{"plain $HOME $$", "plain $HOME $$", "plain $HOME $$"},
		{"Bearer ${A}", "Bearer secret", "Bearer ***"},
		{"${A}${A:-x}-${file:token}", "secretsecret-t0k3n", "******-***"},
		{"${NONE:-http://x}/${A}", "http://x/secret", "http://x/***"},
		{"${EMPTY:-x}${EMPTY}", "x", "x"},
		{"$${A} and ${A}", "${A} and secret", "${A} and ***"},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := vars("A", "secret", "EMPTY", "").Expand(test.text, dir)
			if err != nil {
				t.Fatal(err)
			}
			if e.Value != test.value || e.Masked() != test.masked {
				t.Errorf("expanded to %q, shown as %q, want %q and %q", e.Value, e.Masked(), test.value, test.masked)
			}
		})
	}
}

func vars(pairs ...string) Source {
	return Source{LookupEnv: func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "$", "${A}", "${A:-x}", "$${A}", "${", "${file:}", "a${A}b${A}c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		secrets := vars("A", "s3cr3t")
		secrets.ReadFile = func(string) ([]byte, error) { return []byte("t0k3n"), nil }
		e, err := secrets.Expand(text, "")
		if err != nil {
			return
		}
		if !strings.Contains(text, "s3cr3t") && strings.Contains(e.Masked(), "s3cr3t") {
			t.Errorf("%q is shown as %q", text, e.Masked())
		}
	})
}
