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

func (a *api) reload(w http.ResponseWriter, r *http.Request) {
	changed, err := a.Reloader.Reload(r.Context())
	if err != nil {
		a.fail(w, reloadProblem(err))
		return
	}
	audit.Of(r.Context()).Detail(map[string]bool{"changed": changed})
	a.answer(w, reloaded{Changed: changed, Status: a.Reloader.Status()})
}

// reloadProblem returns the faults of the files one by one. They are the caller's
// to fix, so all of them are told.
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
