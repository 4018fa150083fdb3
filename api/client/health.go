package client

import (
	"context"
	"net/http"
)

// Health asks whether the router is well. It needs no key.
type Health struct{ *conn }

// Ready returns nil where the router accepts events, else why it does not.
func (h Health) Ready(ctx context.Context) error { return h.ask(ctx, "/readyz") }

// Alive returns nil where the router's process answers, also while it starts or has no room for
// events.
func (h Health) Alive(ctx context.Context) error { return h.ask(ctx, "/healthz") }

func (h Health) ask(ctx context.Context, path string) error {
	resp, err := h.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
