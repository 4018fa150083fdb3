package console

import "signalbox/api/client"

// pages returns all pages but the login. A new one is a line here, a template, and what loads it.
func pages() []*page {
	return []*page{
		{path: "{$}", name: "overview", load: loadOverview},
		{path: "events", name: "events", nav: "events", load: loadEvents, fixed: eventsFixed},
		{path: "event", name: "event", nav: "events", load: loadEvent},
		{path: "targets", name: "targets", nav: "targets", load: loadTargets},
		{path: "target", name: "target", nav: "targets", load: loadTarget},
		{path: "deadletters", name: "deadletters", nav: "deadletters", load: loadLetters},
		{path: "replay", name: "replay", nav: "deadletters", load: loadReplay},
		{path: "purge", name: "purge", nav: "deadletters", load: loadPurge},
		{path: "redrives", name: "redrives", nav: "redrives", load: loadReplays},
		{path: "redrive", name: "redrive", nav: "redrives", load: loadRedrive},
		{path: "past", name: "past", nav: "redrives", load: loadPast},
		{path: "again", name: "again", nav: "redrives", load: loadAgain},
		{path: "archive", name: "archive", nav: "archives", load: loadArchive},
		{path: "archives", name: "archives", nav: "archives", load: loadArchives},
		{path: "rules", name: "rules", nav: "rules", load: loadRules},
		{path: "rule", name: "rule", nav: "rules", load: loadRule},
		{path: "shadow", name: "shadow", nav: "rules", load: loadShadow},
		{path: "flow", name: "flow", nav: "flow", load: loadFlow},
		{path: "state", name: "state", nav: "state", load: loadState, fixed: stateFixed},
		{path: "sources", name: "sources", nav: "sources", load: loadSources},
		{path: "audit", name: "audit", nav: "audit", load: loadAudit, fixed: func(v *visit) bool { return v.q("cursor") != "" }},
		{path: "explain", name: "explain", nav: "events", load: loadExplain},
		{path: "send", name: "send", nav: "send", load: loadSend},
		playgroundPage,
	}
}

var playgroundPage = &page{path: "playground", name: "playground", nav: "playground", load: loadPlayground}

// actions returns what forms do, by path.
func actions() map[string]action {
	return map[string]action{
		"targets/pause":      onTarget(client.Targets.Pause, "%s is paused."),
		"targets/resume":     onTarget(client.Targets.Resume, "%s continues."),
		"targets/drain":      onTarget(client.Targets.Drain, "%s delivers what is pending, and then pauses."),
		"targets/retry":      onTarget(client.Targets.Retry, "What waited at %s is due now."),
		"keys/resume":        resumeKey,
		"redrives/begin":     doRedrive,
		"redrives/cancel":    onRedrive(client.Redrives.Cancel, "The replay is being cancelled."),
		"redrives/resume":    onRedrive(client.Redrives.Resume, "The replay continues."),
		"replays/begin":      beginReplay,
		"replays/pause":      onReplay(client.Replays.Pause, "The replay is paused."),
		"replays/resume":     onReplay(client.Replays.Resume, "The replay continues."),
		"replays/cancel":     onReplay(client.Replays.Cancel, "The replay is being cancelled."),
		"archives/verify":    onArchive(client.Archives.Verify, "The verification has begun."),
		"archives/take-over": onArchive(client.Archives.TakeOver, "This router writes the archive now."),
		"purge":              doPurge,
		"rules/pause":        onRule(client.Rules.Pause, "%s is paused."),
		"rules/resume":       onRule(client.Rules.Resume, "%s continues."),
		"sources/pause":      onSource(client.Sources.Pause, "%s is paused."),
		"sources/resume":     onSource(client.Sources.Resume, "%s continues."),
		"send":               doSend,
		"reload":             doReload,
	}
}

// entry is one of the navigation; one without a name parts what stands before and behind it.
type entry struct{ Path, Name string }

var navigation = []entry{
	{"", "Overview"}, {"events", "Events"}, {"targets", "Targets"}, {"deadletters", "Dead letters"}, {"redrives", "Replays"}, {},
	{"rules", "Rules"}, {"flow", "Flow and types"}, {"state", "State"}, {"sources", "Sources"}, {"archives", "Archives"}, {}, {"playground", "Playground"}, {"send", "Send an event"}, {"audit", "Audit"},
}
