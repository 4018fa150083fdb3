package client

import (
	"context"
	"io"
	"net/http"

	"signalbox/api"
	"signalbox/config"
	"signalbox/history"
	"signalbox/router"
)

// Store copies the router's store, and tells the router's figures.
type Store struct{ *conn }

// Accounts returns the counters of all events and deliveries.
func (s Store) Accounts(ctx context.Context) (a router.Accounts, err error) {
	return a, s.get(ctx, "/v1/accounts", nil, &a)
}

// Caller returns whose key requests carry, and its rights.
func (s Store) Caller(ctx context.Context) (c api.Caller, err error) {
	return c, s.get(ctx, "/v1/key", nil, &c)
}

// History returns the figures of the last hour that a filter chooses.
func (s Store) History(ctx context.Context, f history.Filter) (p history.Page, err error) {
	return p, s.get(ctx, "/v1/history", params("name", f.Name, "target", f.Target, "bus", f.Bus, "rule", f.Rule), &p)
}

// Reload returns how the last reload ended.
func (s Store) Reload(ctx context.Context) (r config.Status, err error) {
	return r, s.get(ctx, "/v1/reload", nil, &r)
}

// ReloadNow reads all files again, and reports whether they say something new.
func (s Store) ReloadNow(ctx context.Context) (changed bool, err error) {
	var done struct{ Changed bool }
	err = s.act(ctx, "/-/reload", &done)
	return done.Changed, err
}

// Backup returns a copy of the store, for backup.Receive. The caller closes it.
func (s Store) Backup(ctx context.Context) (io.ReadCloser, error) {
	resp, err := s.send(ctx, http.MethodPost, "/v1/backup", "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
