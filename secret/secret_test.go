package secret

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
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

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"fits": maxFile, "large": maxFile + 1} {
		if err := os.WriteFile(in(name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", in("link")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, err string }{
		{"fits", ""},
		{"large", "open " + in("large") + ": is longer than 64 KiB"},
		{"pipe", "open " + in("pipe") + ": is no regular file"},
		{"link", "open " + in("link") + ": is no regular file"},
		{".", "open " + dir + ": is no regular file"},
		{"none", "open " + in("none") + ": no such file or directory"},
		{"/dev/zero", "open /dev/zero: is no regular file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Source{}.Expand("${file:"+test.name+"}", dir)
			if got, want := fmt.Sprint(err), "${file:"+test.name+"}: "+test.err; test.err != "" && got != want || test.err == "" && err != nil {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestFileThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		_, err := within(readTime, "/mnt/key", func(string) ([]byte, error) { <-hung; return nil, nil })
		if want := "read /mnt/key: not done after 5s: look at the disk that it is on"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		close(hung)
	})
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other", "keys/a"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("t0k3n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const noFile, noEnv = "may not refer to the file", "may not refer to the environment variable"
	listed := Limits{Files: []string{"keys/*"}, Env: []string{"SHOP_*", "TOKEN"}}
	for _, test := range []struct {
		name   string
		limits Limits
		text   string
		err    string
	}{
		{"no limits", Limits{}, "${file:other}${HOME_DIR}", ""},
		{"listed", listed, "${file:keys/a}${file:./keys/../keys/a}${TOKEN}${SHOP_A}", ""},
		{"a file besides", listed, "${file:other}", noFile},
		{"a way out", listed, "${file:keys/../other}", noFile},
		{"a variable besides", listed, "${HOME_DIR}", noEnv},
		{"with a default", listed, "${HOME_DIR:-x}", noEnv},
		{"files alone", Limits{Files: listed.Files}, "${HOME_DIR}", ""},
		{"none", Limits{Files: []string{}, Env: []string{}}, "${file:keys/a}", noFile},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := vars("TOKEN", "a", "SHOP_A", "b", "HOME_DIR", "c").Limited(test.limits, dir)
			resolving, _ := s.Resolving()
			for _, s := range []Source{s, resolving} {
				_, err := s.Expand(test.text, dir)
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
			}
		})
	}
}
