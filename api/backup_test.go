package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/journal/store"
)

// storeFunc is a store whose copy is what a function makes.
type storeFunc func(read func(dir string) error) error

// Checkpoint makes storeFunc a backup.Store.
func (f storeFunc) Checkpoint(read func(dir string) error) error { return f(read) }

// backupFrom asks for a backup of a store, from a router that may be stopping.
func backupFrom(t *testing.T, store storeFunc, stopping context.Context) (status int, err error) {
	t.Helper()
	w := newWorld(t)
	server := httptest.NewServer(api.New(api.Options{
		Store: store, Gatherer: prometheus.NewRegistry(), Logger: zap.NewNop(), Stopping: stopping, Router: w.router, Audit: w.log,
	}))
	defer server.Close()
	resp, err := http.Post(server.URL+"/v1/backup", "", nil)
	if err != nil {
		return 0, err // broken off before the first byte
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestABackupThatFailsIsNeverWhole(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "000001.sst"), make([]byte, 1<<20), 0o600))
	if status, err := backupFrom(t, func(read func(string) error) error { return read(dir) }, t.Context()); status != http.StatusOK || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
	if status, _ := backupFrom(t, func(func(string) error) error { return store.ErrCheckpoint }, nil); status != http.StatusConflict {
		t.Errorf("a second one: got %d", status)
	}
	if status, _ := backupFrom(t, func(func(string) error) error { return errors.New("the disk is full") }, nil); status != http.StatusInternalServerError {
		t.Errorf("no copy: got %d", status)
	}
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "000002.sst")))
	if _, err := backupFrom(t, func(read func(string) error) error { return read(dir) }, nil); err == nil {
		t.Error("a failure in the middle looks like the end")
	}
	must(t, os.Remove(filepath.Join(dir, "000002.sst")))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := backupFrom(t, func(read func(string) error) error { return read(dir) }, stopped); err == nil {
		t.Error("a router that stops ends a backup as if it were whole")
	}
}
