package client

import (
	"context"
	"strconv"
	"time"

	"signalbox/event"
	"signalbox/router"
)

// Catalog asks for the types of messages.
type Catalog struct{ *conn }

// Type is a declared type, as far as a listing shows it.
type Type struct {
	Name        string     `json:"name"`
	Version     string     `json:"version"`
	Kind        event.Kind `json:"kind"`
	Owner       string     `json:"owner"`
	Description string     `json:"description"`
	Sources     []string   `json:"sources"`
	Position    string     `json:"position"`
}

// List returns all declared types.
func (c Catalog) List(ctx context.Context) ([]Type, error) {
	return all(ctx, c.conn, "/v1/catalog", func(page *struct {
		Types []Type `json:"types"`
		Next  string `json:"next_cursor"`
	},
	) ([]Type, string) {
		return page.Types, page.Next
	})
}

// Discover returns what the latest events that the router keeps show of their types: up
// to limit of them, accepted at since or later.
func (c Catalog) Discover(ctx context.Context, since time.Time, limit int) (*router.Discovered, error) {
	found := new(router.Discovered)
	return found, c.get(ctx, "/v1/catalog/discover", params("limit", strconv.Itoa(limit), "since", timeText(since)), found)
}
