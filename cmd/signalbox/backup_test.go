package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestBackupUnderLoad backs a router up while events come in and its target is down,
// restores that, and lets it continue.
func TestBackupUnderLoad(t *testing.T) {
	sink := newShop(t)
	sink.down.Store(true)
	dir := shopDir(t, sink, "")
	write(t, dir, "rules.yaml", strings.ReplaceAll(strings.Replace(shopRules, "max_attempts: 2, min_backoff: 1ms, max_backoff: 2ms", "max_attempts: 100", 1), "URL", sink.URL))
	s := startRouter(t, dir)
	var (
		mu    sync.Mutex
		acked []string
		load  sync.WaitGroup
	)
	stop := make(chan struct{})
	for range 3 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				o := signalbox(t, "send", bigOrder, "--url", s.url)
				if o.code != cli.ExitOK {
					t.Error(o.stderr)
					return
				}
				mu.Lock()
				acked = append(acked, strings.TrimSpace(o.stdout))
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	s.eventually("under load", func() bool { return count() > 50 })
	before := count()
	copied := filepath.Join(t.TempDir(), "monday")
	s.run("backup", copied).want(t, cli.ExitOK, copied+": ", "")
	s.run("backup", copied).want(t, cli.ExitError, "", "is not empty")
	s.eventually("still under load", func() bool { return count() > before+50 })
	close(stop)
	load.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, "data", "*.tmp")); len(left) > 0 {
		t.Errorf("%v is left in the data directory", left)
	}
	s.end()

	config := filepath.Join(dir, "config.yaml")
	signalbox(t, "verify", copied).want(t, cli.ExitOK, "0 faults", "")
	signalbox(t, "restore", copied, "--config", config).want(t, cli.ExitError, "", "it has files of a store")
	if err := os.Rename(filepath.Join(dir, "data"), filepath.Join(dir, "lost")); err != nil {
		t.Fatal(err)
	}
	sink.down.Store(false)
	signalbox(t, "restore", copied, "--config", config).want(t, cli.ExitOK, "deliveries pending", "")
	signalbox(t, "verify", "--config", config).want(t, cli.ExitOK, "0 faults", "")

	again := startRouter(t, dir)
	if said := again.stderr.String(); !strings.Contains(said, "the store was restored from a backup: every target is paused") {
		t.Errorf("the log says nothing of it: %s", said)
	}
	again.run("targets", "list", "--output", "json").want(t, cli.ExitOK, `"state": "paused"`, "")
	for _, id := range acked[:before] {
		if status, body := again.get("/v1/events/"+id, ""); status != http.StatusOK {
			t.Fatalf("event %s was acknowledged before the backup began: %d %s", id, status, body)
		}
	}
	again.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	if n := len(sink.deliveries()); n > 0 {
		t.Errorf("%d deliveries were made before anybody resumed the target", n)
	}
	again.run("targets", "resume", "--all").want(t, cli.ExitOK, "shop", "")
	again.eventually("delivered", func() bool { return len(sink.deliveries()) > before })
	again.end()
	third := startRouter(t, dir) // the pause was for the first start alone
	third.run("targets", "list", "--output", "json").want(t, cli.ExitOK, `"state": "ok"`, "")
}

func TestBackupNeedsTheRightToAdminister(t *testing.T) {
	const operator, admin = "0123456789abcdef-operator", "0123456789abcdef-admin"
	s := startRouter(t, shopDir(t, newShop(t), fmt.Sprintf("auth: {keys: [{name: op, key: %s, rights: [read, operate]}, {name: boss, key: %s, rights: [admin]}]}\n", operator, admin)))
	into := filepath.Join(t.TempDir(), "copy")
	s.run("backup", into, "--api-key", operator).want(t, cli.ExitError, "", `the key "op" has no right to admin`)
	if left, _ := filepath.Glob(into + "*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	s.run("backup", into, "--api-key", admin).want(t, cli.ExitOK, into, "")
	s.run("audit", "--api-key", admin).want(t, cli.ExitOK, "backup", "")
	signalbox(t, "backup").want(t, cli.ExitUsage, "", "an argument is missing")
	signalbox(t, "verify", into+"-typo").want(t, cli.ExitError, "", "no store")
}

// TestATornBackupIsNamed damages a backup after it was made.
func TestATornBackupIsNamed(t *testing.T) {
	dir := shopDir(t, newShop(t), "")
	s := startRouter(t, dir)
	s.run("send", bigOrder).want(t, cli.ExitOK, "-", "")
	into := filepath.Join(t.TempDir(), "copy")
	s.run("backup", into, "--output", "json").want(t, cli.ExitOK, `"sha256"`, "")
	s.end()
	tables, _ := filepath.Glob(filepath.Join(into, "*.sst"))
	if len(tables) == 0 {
		t.Fatal("no table")
	}
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tables[0], bytes.TrimSuffix(b, b[len(b)-1:]), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(tables[0])
	signalbox(t, "verify", into).want(t, cli.ExitError, "", name+": it has ")
	write(t, dir, "config.yaml", "data_dir: other\nrules: [rules.yaml]\n")
	signalbox(t, "restore", into, "--config", filepath.Join(dir, "config.yaml")).want(t, cli.ExitError, "", name+": it has ")
	if _, err := os.Stat(filepath.Join(dir, "other")); !os.IsNotExist(err) {
		t.Errorf("something was restored: %v", err)
	}
}
