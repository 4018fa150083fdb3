package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/journal"
	"signalbox/journal/internal/files"
	"signalbox/journal/store"
)

// filled makes a store with some events, one of them with a delivery that is pending.
func filled(t *testing.T) (*store.Journal, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	j, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	l, err := j.Lanes.Lane("shop")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		r := j.Seqs.Reserve(1)
		s := r.At(0)
		envelope := `{"version":"0","id":"` + journal.NewEventID(s) + `","detail-type":"T","source":"s","account":"0","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail":{}}`
		err := j.Append([]journal.Entry{{
			Record:     journal.Record{Seq: s, Meta: []byte{1}, Envelope: []byte(envelope)},
			Deliveries: []journal.Delivery{{Seq: s, Lane: l, Rule: "r", RuleTarget: "t"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	return j, dir
}

func sent(t *testing.T, j *store.Journal) []byte {
	t.Helper()
	var out bytes.Buffer
	begun := false
	if err := Send(&out, j, "v1", func() { begun = out.Len() == 0 }); err != nil || !begun {
		t.Fatalf("%v, begun %v", err, begun)
	}
	return out.Bytes()
}

func TestABackupBecomesAStore(t *testing.T) {
	j, _ := filled(t)
	dir := filepath.Join(t.TempDir(), "backup")
	must(t, Begin(dir))
	_, err := Receive(bytes.NewReader(sent(t, j)), dir, nil)
	must(t, err)
	if _, err := os.Stat(dir + partial); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", partial, err)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	m, err := Check(dir, nil)
	must(t, err)
	if _, err := store.Open(dir, store.Options{}); err == nil || !strings.Contains(err.Error(), "it is a backup") {
		t.Errorf("a router on a backup: %v", err)
	}
	report, err := journal.Verify(dir, nil, journal.Readers{}, nil)
	must(t, err)
	if report.Events != 10 || report.Deliveries.Pending() != 10 {
		t.Errorf("got %+v", report)
	}
	after, err := os.ReadDir(dir)
	must(t, err)
	if len(after) != len(entries) {
		t.Errorf("verify changed the backup: %v", after)
	}

	data := filepath.Join(t.TempDir(), "data")
	must(t, Restore(m, dir, data, nil))
	again, err := store.Open(data, store.Options{})
	must(t, err)
	restored, err := again.Meta.Restored()
	if c, _ := again.Counters.Totals(); err != nil || !restored || c.Ready != 10 {
		t.Errorf("restored %v, %v, %+v", restored, err, c)
	}
	if err := Restore(m, dir, data, nil); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("over a running router: %v", err)
	}
	must(t, again.Close())
	if err := Restore(m, dir, data, nil); err == nil || !strings.Contains(err.Error(), "it has files of a store") {
		t.Errorf("over a store: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestATornTransferLeavesNothing cuts the archive at many places.
func TestATornTransferLeavesNothing(t *testing.T) {
	j, _ := filled(t)
	whole := sent(t, j)
	dir := filepath.Join(t.TempDir(), "backup")
	for i := 0; i < len(whole); i += max(1, len(whole)/50) {
		must(t, Begin(dir))
		if _, err := Receive(bytes.NewReader(whole[:i]), dir, nil); err == nil {
			// Only the blocks of zero bytes at the very end may be missing.
			if rest := whole[i:]; len(bytes.Trim(rest, "\x00")) > 0 {
				t.Fatalf("cut at %d of %d: taken for whole", i, len(whole))
			}
			must(t, os.RemoveAll(dir))
			continue
		}
		for _, path := range []string{dir, dir + partial} {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Fatalf("cut at %d: %s is left", i, path)
			}
		}
	}
	broken := io.MultiReader(bytes.NewReader(whole), failing{})
	must(t, Begin(dir))
	if _, err := Receive(broken, dir, nil); err == nil {
		t.Error("a connection that broke off at the end is taken for whole")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestAHostileRouterWritesNowhereElse receives archives that no router sends.
func TestAHostileRouterWritesNowhereElse(t *testing.T) {
	manifest := `{"format":1,"files":[]}`
	for name, headers := range map[string][]*tar.Header{
		"a path upwards":    {{Name: "../evil", Typeflag: tar.TypeReg}},
		"an absolute path":  {{Name: "/tmp/evil", Typeflag: tar.TypeReg}},
		"a hidden file":     {{Name: ".evil", Typeflag: tar.TypeReg}},
		"a symbolic link":   {{Name: "a.sst", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}},
		"a directory":       {{Name: "a", Typeflag: tar.TypeDir}},
		"a device":          {{Name: "a", Typeflag: tar.TypeChar}},
		"a file twice":      {{Name: "a.sst", Typeflag: tar.TypeReg}, {Name: "a.sst", Typeflag: tar.TypeReg}},
		"an unnamed file":   {{Name: "a.sst", Typeflag: tar.TypeReg}, {Name: manifestName, Typeflag: tar.TypeReg, Size: int64(len(manifest))}},
		"no manifest":       {{Name: "a.sst", Typeflag: tar.TypeReg}},
		"another manifest":  {{Name: manifestName, Typeflag: tar.TypeReg, Size: 2}},
		"a large manifest":  {{Name: manifestName, Typeflag: tar.TypeReg, Size: maxManifest + 1}},
		"nothing":           {},
		"an event stream":   nil,
		"a newline, a file": {{Name: "a\nb", Typeflag: tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, h := range headers {
				must(t, w.WriteHeader(h))
				if h.Size == int64(len(manifest)) {
					_, _ = w.Write([]byte(manifest))
				} else if h.Size == 2 {
					_, _ = w.Write([]byte("{}"))
				}
			}
			_ = w.Close()
			if headers == nil {
				b.Reset()
				b.WriteString("data: {}\n\n")
			}
			root := t.TempDir()
			dir := filepath.Join(root, "backup")
			must(t, Begin(dir))
			if _, err := Receive(&b, dir, nil); err == nil {
				t.Error("taken for a backup")
			}
			if left, _ := os.ReadDir(root); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

func TestAPlaceThatIsTaken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backup")
	must(t, os.Mkdir(dir, 0o700))
	must(t, Begin(dir)) // an empty one will do
	must(t, os.WriteFile(filepath.Join(dir+partial, "000001.sst"), []byte("x"), 0o600))
	must(t, Begin(dir)) // what an earlier one has left is removed
	if left, _ := os.ReadDir(dir + partial); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	must(t, os.Mkdir(filepath.Join(dir+partial, "photos"), 0o700))
	if err := Begin(dir); err == nil || !strings.Contains(err.Error(), "photos in it is of no backup") {
		t.Errorf("got %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
	if err := Begin(dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
}

func TestCheckNamesWhatDiffers(t *testing.T) {
	j, _ := filled(t)
	whole := sent(t, j)
	for name, test := range map[string]struct {
		damage func(t *testing.T, file string)
		want   string
	}{
		"missing":   {func(t *testing.T, file string) { must(t, os.Remove(file)) }, "the file is missing"},
		"shorter":   {func(t *testing.T, file string) { must(t, os.Truncate(file, 3)) }, "it has 3 bytes"},
		"a link":    {func(t *testing.T, file string) { must(t, os.Remove(file)); must(t, os.Symlink("x", file)) }, "not a regular file"},
		"other":     {flip, "its content is another"},
		"manifest":  {func(t *testing.T, file string) { must(t, os.Remove(filepath.Join(filepath.Dir(file), manifestName))) }, "the copy is not whole"},
		"a newer":   {func(t *testing.T, file string) { rewrite(t, file, `{"format":9}`) }, "format 9; this Signalbox reads format 1"},
		"a path":    {func(t *testing.T, file string) { rewrite(t, file, `{"format":1,"files":[{"name":"../x"}]}`) }, `"../x" is no file of a store`},
		"no JSON":   {func(t *testing.T, file string) { rewrite(t, file, `{`) }, "backup.json"},
		"untouched": {func(*testing.T, string) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backup")
			must(t, Begin(dir))
			m, err := Receive(bytes.NewReader(whole), dir, nil)
			must(t, err)
			largest := m.Files[0]
			for _, f := range m.Files {
				if f.Size > largest.Size {
					largest = f
				}
			}
			test.damage(t, filepath.Join(dir, largest.Name))
			_, err = Check(dir, nil)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func flip(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	must(t, err)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(file, b, 0o600))
}

func rewrite(t *testing.T, file, manifest string) {
	must(t, os.WriteFile(filepath.Join(filepath.Dir(file), manifestName), []byte(manifest), 0o600))
}

// TestARestoreThatWasBrokenOffIsBegunAgain leaves the directory as a kill at each of its steps
// would.
func TestARestoreThatWasBrokenOffIsBegunAgain(t *testing.T) {
	j, _ := filled(t)
	dir := filepath.Join(t.TempDir(), "backup")
	must(t, Begin(dir))
	m, err := Receive(bytes.NewReader(sent(t, j)), dir, nil)
	must(t, err)
	for _, moved := range []bool{false, true} {
		data := filepath.Join(t.TempDir(), "data")
		must(t, os.MkdirAll(filepath.Join(data, files.RestoreDir), 0o700))
		f := m.Files[0].Name
		must(t, os.WriteFile(filepath.Join(data, files.RestoreDir, f), nil, 0o600))
		if moved {
			must(t, os.WriteFile(filepath.Join(data, "000001.sst"), nil, 0o600))
		}
		if _, err := store.Open(data, store.Options{}); err == nil || !strings.Contains(err.Error(), "run signalbox restore again") {
			t.Errorf("a start in between: %v", err)
		}
		must(t, Restore(m, dir, data, nil))
		again, err := store.Open(data, store.Options{})
		must(t, err)
		if c, _ := again.Counters.Totals(); c.Ready != 10 {
			t.Errorf("got %+v", c)
		}
		must(t, again.Close())
	}
	// The marker is there, so the store is whole, and may have been put there by hand.
	data := filepath.Join(t.TempDir(), "data")
	must(t, Restore(m, dir, data, nil))
	must(t, os.Mkdir(filepath.Join(data, files.RestoreDir), 0o700))
	if err := Restore(m, dir, data, nil); err == nil || !strings.Contains(err.Error(), "it has files of a store") {
		t.Errorf("over a store: %v", err)
	}
}
