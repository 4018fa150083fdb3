package console

import (
	"errors"
	"net/http"
	"strings"

	"signalbox/api"
	"signalbox/audit"
)

// auditView is who did what.
type auditView struct {
	Action, Object, Key, Outcome, Since string
	Outcomes                            []audit.Outcome
	Page                                audit.Page
	Older                               string
	Problem                             *api.Error
}

func loadAudit(v *visit) (any, error) {
	q := func(name string) string { return strings.TrimSpace(v.q(name)) }
	x := auditView{Action: q("action"), Object: q("object"), Key: q("key"), Outcome: q("outcome"), Since: q("since"), Outcomes: audit.Outcomes}
	f := audit.Filter{Action: x.Action, Object: x.Object, Key: x.Key, Outcome: audit.Outcome(x.Outcome)}
	var err error
	if f.Since, err = timeOf("since", x.Since, v.now); err == nil {
		x.Page, err = v.api.Audit.List(v.ctx(), f, q("cursor"), eventsShown)
	}
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		return x, nil
	}
	if x.Page.Next != "" {
		x.Older = link("audit", "action", x.Action, "object", x.Object, "key", x.Key, "outcome", x.Outcome, "since", x.Since, "cursor", x.Page.Next)
	}
	return x, err
}
