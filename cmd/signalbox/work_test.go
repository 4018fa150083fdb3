package main

import (
	"encoding/json"
	"strings"
	"testing"

	"signalbox/api"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/commands/work"
)

func TestWorkCommands(t *testing.T) {
	s := badInput(t)
	s.run("work", "list").want(t, cli.ExitOK, "no work requests\n", "")
	s.run("work", "list", "-o", "json").want(t, cli.ExitOK, `"work_requests": []`, "")
	for range 2 {
		s.run("send", "--command", message("Take", "{}")).want(t, cli.ExitOK, "", "")
	}
	var page api.WorkPage
	s.eventually("in progress", func() bool {
		o := s.run("work", "list", "--open", "--action-type", "in_progress", "-o", "json")
		page = api.WorkPage{}
		if err := json.Unmarshal([]byte(o.stdout), &page); err != nil {
			t.Fatalf("%v: %s%s", err, o.stdout, o.stderr)
		}
		return len(page.WorkRequests) == 2
	})
	w := page.WorkRequests[0]
	for _, args := range [][]string{{"--operation", "Take"}, {"--service", "taken"}, {"--entity-type", "take"}, {"--correlation-id", w.CorrelationID}} {
		s.run(append([]string{"work", "list"}, args...)...).want(t, cli.ExitOK, w.ID+"  Take       taken    IN_PROGRESS  0        2", "")
	}
	s.run("work", "list", "--operation", "Tack").want(t, cli.ExitOK, "no work requests\n", "")
	s.run("work", "list", "--limit", "1").want(t, cli.ExitOK, w.ID, "there are more than 1 work request: see --limit\n")
	s.run("work", "list", "--action-type", "done").want(t, cli.ExitError, "", `"done": write one of [ACCEPTED IN_PROGRESS`)
	s.run("work", "show").want(t, cli.ExitUsage, "", "")
	signalbox(t, "work", "shw").want(t, cli.ExitUsage, "", `(did you mean "show"?)`)

	show := s.run("work", "show", w.ID)
	for _, want := range []string{"id           " + w.ID + "\n", "service      taken, by rule taken\n", "action type  IN_PROGRESS\n", "IN_PROGRESS    0 %  the handler answered 202\n"} {
		show.want(t, cli.ExitOK, want, "")
	}
	s.run("work", "cancel", w.ID).want(t, cli.ExitOK, "CANCELING      0 %  asked for\n", "")
	s.run("send", `{"source":"shop","detail-type":"TakeFailed","detail":{"metadata":{"correlationId":"`+w.CommandID+`"},"data":{"error":{"code":"Quota","message":"no room"}}}}`).want(t, cli.ExitOK, "", "")
	s.run("work", "show", w.ID).want(t, cli.ExitOK, "error        no room\nerror code   Quota\n", "")
	o := s.run("work", "show", w.ID, "--output", "json")
	var shown work.Request
	if err := json.Unmarshal([]byte(o.stdout), &shown); err != nil || shown.Action != work.Failed || len(shown.History) != 4 {
		t.Errorf("%v: %s", err, o.stdout)
	}
	s.run("work", "list", "--open").want(t, cli.ExitOK, page.WorkRequests[1].ID, "")
	if list := s.run("work", "list", "--open").stdout; strings.Contains(list, w.ID) {
		t.Errorf("what has ended is listed as open: %s", list)
	}
}
