package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// summary is a body in a line: one that a rule has made as it is, of a whole event
// its id, categories and message.
func summary(body []byte) string {
	var e struct {
		Detail *struct {
			EventID         string
			EventCategories []string
			Message         string
		} `json:"detail"`
	}
	if json.Unmarshal(body, &e) != nil || e.Detail == nil {
		return string(body)
	}
	return fmt.Sprintf("%s  %s: %s", e.Detail.EventID, strings.Join(e.Detail.EventCategories, ", "), e.Detail.Message)
}
