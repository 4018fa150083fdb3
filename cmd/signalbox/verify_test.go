package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/journal/store"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	cfg := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, []byte("data_dir: data\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"verify", "--config", cfg}, args...), strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	if code, out := verify(); code != 1 || !strings.Contains(out, "no store") {
		t.Errorf("no store: got %d: %s", code, out)
	}
	j, err := store.Open(filepath.Join(dir, "data"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if code, out := verify(); code != 1 || !strings.Contains(out, "the router is running") {
		t.Errorf("in use: got %d: %s", code, out)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if code, out := verify(); code != 0 || !strings.Contains(out, "0 faults") {
		t.Errorf("got %d: %s", code, out)
	}
	if code, out := verify("--output", "json"); code != 0 || !strings.Contains(out, `"fault_count": 0`) {
		t.Errorf("got %d: %s", code, out)
	}
}
