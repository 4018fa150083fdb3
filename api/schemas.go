package api

import (
	"encoding/json"
	"net/http"

	"signalbox/schema"
)

// showSchema shows the JSON Schema of a kind of file.
func showSchema(_ http.ResponseWriter, r *http.Request) (any, error) {
	text, err := schema.Of(r.PathValue("name"))
	if err != nil {
		return nil, &Error{Status: http.StatusNotFound, Message: err.Error()}
	}
	return json.RawMessage(text), nil
}
