package client

import (
	"context"
	"io"
	"net/http"

	"signalbox/router"
)

// Store copies the router's store, and tells its counters.
type Store struct{ *conn }

// Accounts returns the counters of all events and deliveries.
func (s Store) Accounts(ctx context.Context) (a router.Accounts, err error) {
	return a, s.get(ctx, "/v1/accounts", nil, &a)
}

// Backup returns a copy of the store, for backup.Receive. The caller closes it.
func (s Store) Backup(ctx context.Context) (io.ReadCloser, error) {
	resp, err := s.send(ctx, http.MethodPost, "/v1/backup", "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
