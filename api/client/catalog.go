package client

import (
	"context"
	"strconv"
	"time"

	"signalbox/router"
)

// Catalog asks for the types of messages.
type Catalog struct{ *conn }

// Discover returns what the latest events that the router keeps show of their types: up
// to limit of them, accepted at since or later.
func (c Catalog) Discover(ctx context.Context, since time.Time, limit int) (*router.Discovered, error) {
	found := new(router.Discovered)
	return found, c.get(ctx, "/v1/catalog/discover", params("limit", strconv.Itoa(limit), "since", timeText(since)), found)
}
