package console

import "signalbox/api/client"

// pages returns all pages but the login. A new one is a line here, a template, and what loads it.
func pages() []*page {
	return []*page{
		{path: "events", name: "events", nav: "events", load: loadEvents, fixed: eventsFixed},
		{path: "event", name: "event", nav: "events", load: loadEvent},
		{path: "targets", name: "targets", nav: "targets", load: loadTargets},
		{path: "target", name: "target", nav: "targets", load: loadTarget},
		{path: "deadletters", name: "deadletters", nav: "deadletters", load: loadLetters},
		{path: "replay", name: "replay", nav: "deadletters", load: loadReplay},
		{path: "purge", name: "purge", nav: "deadletters", load: loadPurge},
		{path: "redrives", name: "redrives", nav: "redrives", load: loadRedrives},
		{path: "redrive", name: "redrive", nav: "redrives", load: loadRedrive},
	}
}

// actions returns what forms do, by path.
func actions() map[string]action {
	return map[string]action{
		"targets/pause":   onTarget(client.Targets.Pause, "%s is paused."),
		"targets/resume":  onTarget(client.Targets.Resume, "%s continues."),
		"targets/drain":   onTarget(client.Targets.Drain, "%s delivers what is pending, and then pauses."),
		"targets/retry":   onTarget(client.Targets.Retry, "What waited at %s is due now."),
		"keys/resume":     resumeKey,
		"redrives/begin":  doRedrive,
		"redrives/cancel": onRedrive(client.Redrives.Cancel, "The replay is being cancelled."),
		"redrives/resume": onRedrive(client.Redrives.Resume, "The replay continues."),
		"purge":           doPurge,
	}
}

// entry is one of the navigation; one without a name parts what stands before and behind it.
type entry struct{ Path, Name string }

var navigation = []entry{
	{"events", "Events"}, {"targets", "Targets"}, {"deadletters", "Dead letters"}, {"redrives", "Replays"},
}
