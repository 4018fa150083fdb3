package console

import (
	"context"
	"fmt"
	"net/http"

	"signalbox/api/client"
	"signalbox/sources"
)

func loadSources(v *visit) (any, error) {
	list, err := v.api.Sources.List(v.ctx())
	if statusOf(err) == http.StatusNotFound { // a program that has none
		list, err = nil, nil
	}
	return struct{ Sources []sources.Status }{list}, err
}

// onSource returns the action that pauses or resumes a source.
func onSource(act func(client.Sources, context.Context, string) (sources.Status, error), told string) action {
	return func(v *visit) (string, string, error) {
		_, err := act(v.api.Sources, v.ctx(), v.q("name"))
		return "sources", fmt.Sprintf(told, v.q("name")), err
	}
}
