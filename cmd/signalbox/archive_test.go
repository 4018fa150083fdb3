package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/journal/store"
)

// TestArchiveCommands go the whole way: declared, written, listed, verified, exported, damaged.
func TestArchiveCommands(t *testing.T) {
	dir := shopDir(t, newShop(t), "archives: {all: {folder: kept, every: 1s, retention_days: 30}}\n")
	run := func(args ...string) outcome {
		return signalbox(t, append(args, "--config", filepath.Join(dir, "config.yaml"))...)
	}
	run("check").want(t, cli.ExitOK, "archive all: all events, kept for 30 days in "+filepath.Join(dir, "kept", "all")+", a segment each 1s\nok: ", "")
	run("archive", "verify").want(t, cli.ExitOK, "0 events in 0 segments", "")

	s := startRouter(t, dir)
	s.run("archive", "list").want(t, cli.ExitOK, "30 days", "")
	s.run("send", bigOrder).want(t, cli.ExitOK, "", "")
	s.eventually("it is archived", func() bool {
		var list api.ArchiveList
		must(t, json.Unmarshal([]byte(s.run("archive", "list", "-o", "json").stdout), &list))
		a := &list.Archives[0]
		return a.Content.Events == 1 && a.ArchivedTo.After(a.Content.Last)
	})
	s.run("archive", "list", "all", "--since", "1h").want(t, cli.ExitOK, ".jsonl.zst", "")
	s.run("archive", "list", "--since", "1h").want(t, cli.ExitUsage, "", "name an archive")
	s.run("archive", "export", "all", "--since", "1h").want(t, cli.ExitOK, `"detail":{"id":"A-1","total":250}`, "")
	s.run("archive", "verify").want(t, cli.ExitOK, "1 event in 1 segment", "")
	s.run("archive", "verify", "al").want(t, cli.ExitError, "", `did you mean "all"?`)
	s.run("archive", "take-over", "all").want(t, cli.ExitOK, "archive all in "+filepath.Join(dir, "kept", "all")+" is written by this router now", "")
	s.run("archive", "export", "al").want(t, cli.ExitError, "", `did you mean "all"?`)
	s.run("archive", "export").want(t, cli.ExitUsage, "", "name an archive")
	s.end()

	j, err := store.Open(filepath.Join(dir, "data"), store.Options{})
	must(t, err)
	_, err = j.Trimmer.Trim(store.Retention{MaxAge: time.Nanosecond})
	must(t, errors.Join(err, j.Close()))
	compare := func() outcome {
		return run("diff", "--rules", filepath.Join(dir, "rules.yaml"), "--store", filepath.Join(dir, "data"))
	}
	compare().want(t, cli.ExitOK, "events      1, from ", "")

	folder := filepath.Join(dir, "kept", "all")
	run("archive", "verify").want(t, cli.ExitOK, "1 event in 1 segment", "")
	run("archive", "verify", "al").want(t, cli.ExitError, "", `no archive "al" (did you mean "all"?)`)
	run("archive", "verify", "--folder", dir).want(t, cli.ExitError, "", "is no archive: it has no archive.json")
	run("archive", "export", "--folder", folder, "--pattern", `{"source": ["shop.orders"]}`).want(t, cli.ExitOK, `"id":"A-1"`, "")
	if out := run("archive", "export", "--folder", folder, "-o", "events"); !strings.HasPrefix(out.stdout, `{"version":"0"`) || !json.Valid([]byte(out.stdout)) {
		t.Errorf("got %+v", out)
	}
	if out := run("archive", "export", "--folder", folder, "--until", "1h"); out.stdout != "" || out.code != cli.ExitOK {
		t.Errorf("got %+v", out)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "*.zst"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	must(t, os.Remove(paths[0]))
	compare().want(t, cli.ExitError, "", ": is missing")
	if out := run("archive", "verify", "-o", "json"); out.code != cli.ExitError || !strings.Contains(out.stdout, "is missing") {
		t.Errorf("got %+v", out)
	}
	run("archive", "export", "--folder", folder).want(t, cli.ExitError, "", "is missing; put a copy of it back, or go on without it by --skip-damaged")
	run("archive", "export", "--folder", folder, "--skip-damaged").want(t, cli.ExitOK, "", "skipped: archive \"all\"")
}
