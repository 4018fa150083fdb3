package api

import (
	"errors"
	"net/http"
	"strings"

	"signalbox/audit"
	"signalbox/config"
	"signalbox/document"
)

// reloaded is how a reload ended that did not fail.
type reloaded struct {
	// Changed is false where the files say what already served.
	Changed bool `json:"changed"`
	config.Status
}

// reload returns the handler that reads all files again.
func reload(reloader *config.Reloader) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		changed, err := reloader.Reload(r.Context())
		if err != nil {
			return nil, reloadProblem(err)
		}
		audit.Of(r.Context()).Detail(map[string]bool{"changed": changed})
		return reloaded{Changed: changed, Status: reloader.Status()}, nil
	}
}

// reloadProblem returns the faults of the files one by one. They are the caller's to fix, so
// all of them are told.
func reloadProblem(err error) *Error {
	p := badRequest("%v", err)
	p.Hint = "the rules that served before continue to serve"
	var faults document.Errors
	if !errors.As(err, &faults) {
		p.Details = strings.Split(err.Error(), "\n")
		return p
	}
	p.Message = "the files have faults; nothing was changed"
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Error()
	}
	p.Details = texts
	return p
}
