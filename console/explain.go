package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"signalbox/api"
	"signalbox/rules/explain"
)

// explainView is what is shown of an event and all rules.
type explainView struct {
	Event  string
	Bus    string
	ID     string
	Result *explain.Explanation
	Near   []explain.Rule
	Far    []explain.Far
	// Lines are the event, with what the nearest rule has against it.
	Lines   []jsonLine
	Problem *api.Error
}

func loadExplain(v *visit) (any, error) {
	x := explainView{Event: v.r.FormValue("event"), Bus: v.q("bus"), ID: v.q("id")}
	body := []byte(x.Event)
	if x.ID != "" {
		body, _ = json.Marshal(map[string]string{"id": x.ID})
		x.Bus = ""
	}
	if len(bytes.TrimSpace(body)) == 0 {
		x.Event = playEvent
		return x, nil
	}
	found, err := v.api.Events.Explain(v.ctx(), x.Bus, body)
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	x.Result = &found
	x.Near, x.Far = found.Near()
	marks := map[string][]string{}
	if len(found.Matched) == 0 && len(x.Near) > 0 {
		marks = marksOf(x.Near[0].Failures)
	}
	if x.Lines = jsonLines(found.Event, marks); x.Event == "" {
		x.Event = indented(found.Event)
	}
	return x, nil
}
