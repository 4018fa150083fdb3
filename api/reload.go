package api

import (
	"errors"
	"net/http"
	"strings"

	"signalbox/audit"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/document"
)

// Reloaded is how a reload ended that did not fail.
type Reloaded struct {
	// Changed is false where the files say what already served.
	Changed bool `json:"changed"`
	config.Status
}

// reload returns the handler that reads all files again.
func reload(reloader *config.Reloader) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		force, err := boolOf(r.URL.Query(), "force")
		if err != nil {
			return nil, err
		}
		did := audit.Of(r.Context())
		did.Detail(map[string]bool{"forced": force})
		load := reloader.Reload
		if force {
			load = reloader.Force
		}
		changed, err := load(r.Context())
		if err != nil {
			return nil, reloadProblem(err)
		}
		did.Detail(map[string]bool{"changed": changed, "forced": force})
		return Reloaded{Changed: changed, Status: reloader.Status()}, nil
	}
}

// maxLines bounds what is told of a change that is too large.
const maxLines = 20

// reloadProblem returns the faults of the files one by one. They are the caller's to fix, so
// all of them are told.
func reloadProblem(err error) *Error {
	p := badRequest("%v", err)
	p.Hint = "the rules that served before continue to serve"
	if exceeded, ok := errors.AsType[*diff.Exceeded](err); ok {
		p.Status, p.Code, p.Details = http.StatusConflict, "TooMuchChange", exceeded.Result.Lines(maxLines)
		p.Hint += "; signalbox reload --force (?force=true) takes the new ones nevertheless"
		return p
	}
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
