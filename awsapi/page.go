package awsapi

import (
	"encoding/base64"
	"slices"
	"strings"
)

// paging is what the requests of listings have.
type paging struct {
	NextToken *string
	Limit     *int
}

// maxPage is the most items of a page, and how many there are where nothing else is said.
const maxPage = 100

// tokenForm begins what a token holds: the name that the page ended with.
const tokenForm = "after:"

// page returns the part of items that is asked for, in the order of their names, and the token for the
// next. It sorts the items.
func page[T any](p paging, items []T, name func(T) string) (part []T, next string, err error) {
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	if p.NextToken != nil {
		decoded, err := base64.RawURLEncoding.DecodeString(*p.NextToken)
		last, ok := strings.CutPrefix(string(decoded), tokenForm)
		if err != nil || !ok {
			return nil, "", invalid("Parameter NextToken is not valid.")
		}
		from, found := slices.BinarySearchFunc(items, last, func(item T, last string) int { return strings.Compare(name(item), last) })
		if found {
			from++
		}
		items = items[from:]
	}
	most := maxPage
	if p.Limit != nil {
		most = *p.Limit
	}
	if len(items) <= most {
		return items, "", nil
	}
	return items[:most], base64.RawURLEncoding.EncodeToString([]byte(tokenForm + name(items[most-1]))), nil
}

// withPrefix returns the items whose names begin so.
func withPrefix[T any](items []T, prefix string, name func(T) string) []T {
	return slices.DeleteFunc(items, func(item T) bool { return !strings.HasPrefix(name(item), prefix) })
}
