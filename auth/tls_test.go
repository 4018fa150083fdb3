package auth_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/auth"
	"signalbox/auth/authtest"
)

// TestWarningsOfCertificates looks at certificates at several times of their lives.
func TestWarningsOfCertificates(t *testing.T) {
	dir, ca, now := t.TempDir(), authtest.NewCA(t), time.Now()
	load := func(valid time.Duration, names ...string) *auth.Identity {
		t.Helper()
		cert, key := ca.Issue(valid, names...)
		files := auth.TLSFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
		for name, text := range map[string][]byte{files.Cert: cert, files.Key: key} {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		identity, err := files.Load()
		if err != nil {
			t.Fatal(err)
		}
		return identity
	}
	const day = 24 * time.Hour
	long, short := load(100*day, "localhost"), load(12*time.Hour, "localhost")
	for name, test := range map[string]struct {
		identity *auth.Identity
		at       time.Duration
		want     string // empty for no warning
	}{
		"fresh":             {long, 0, ""},
		"15 days left":      {long, 85 * day, ""},
		"13 days left":      {long, 87 * day, "cert_file: the certificate expires on "},
		"over":              {long, 101 * day, "the certificate expired on "},
		"not yet valid":     {long, -101 * day, "is valid only from "},
		"a day long, fresh": {short, 0, ""},
		"in its last third": {short, 5 * time.Hour, "the certificate expires on "},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(test.identity.Warnings(now.Add(test.at)), "\n")
			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	nameless := load(day)
	if err := os.Chmod(filepath.Join(dir, "tls.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(nameless.Warnings(now), "\n")
	for _, want := range []string{"names no host (subjectAltName)", "everybody on this machine may read it: chmod 600"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
