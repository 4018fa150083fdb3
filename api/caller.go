package api

import (
	"net/http"
	"slices"

	"signalbox/auth"
)

// Caller is whose key a request carries, and what that allows.
type Caller struct {
	// Name is empty where the router has no keys, and for those without a name.
	Name string `json:"name,omitempty"`
	// Rights are those that the key includes: all where the router has no keys.
	Rights []auth.Right `json:"rights"`
}

// May reports whether the rights include one.
func (c *Caller) May(right auth.Right) bool {
	return slices.Contains(c.Rights, right)
}

func showCaller(_ http.ResponseWriter, r *http.Request) (any, error) {
	name, rights := auth.Caller(r.Context())
	c := Caller{Name: name, Rights: []auth.Right{}}
	for _, right := range []auth.Right{auth.Send, auth.Read, auth.Operate, auth.Admin} {
		if rights.May(right) {
			c.Rights = append(c.Rights, right)
		}
	}
	return c, nil
}
