package client

import (
	"context"
	"io"
	"net/http"
)

// Store copies the router's store.
type Store struct{ *conn }

// Backup returns a copy of the store, for backup.Receive. The caller closes it.
func (s Store) Backup(ctx context.Context) (io.ReadCloser, error) {
	resp, err := s.send(ctx, http.MethodPost, "/v1/backup", "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
