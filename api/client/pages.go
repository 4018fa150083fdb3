package client

import (
	"context"
	"fmt"
	"strconv"
)

// maxPage is how many entries one request asks for at most.
const maxPage = 1000

// Pages returns up to limit entries of a listing, all of them where limit is 0, and the cursor
// of what follows, empty at the end. ask asks for up to limit entries from a cursor on.
func Pages[T any](limit int, ask func(cursor string, limit int) (page []T, next string, err error)) (all []T, next string, err error) {
	all = []T{}
	for cursor := ""; ; cursor = next {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		var page []T
		if page, next, err = ask(cursor, size); err != nil {
			return all, cursor, err
		}
		all = append(all, page...)
		switch {
		case next == "" || limit > 0 && len(all) >= limit:
			return all, next, nil
		case next == cursor:
			return all, next, fmt.Errorf("the page at the cursor %q leads to itself", cursor)
		}
	}
}

// all returns a whole listing: part returns what a page lists, and the cursor of the next one.
func all[P, T any](ctx context.Context, c *conn, path string, part func(*P) ([]T, string)) ([]T, error) {
	list, _, err := Pages(0, func(cursor string, limit int) ([]T, string, error) {
		page := new(P)
		err := c.get(ctx, path, params("limit", strconv.Itoa(limit), "cursor", cursor), page)
		items, next := part(page)
		return items, next, err
	})
	return list, err
}
