package ruletest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"signalbox/document"
	"signalbox/event"
	"signalbox/hooks"
	"signalbox/rules"
	"signalbox/spelling"
)

// webhook is a request to a hook. It is taken for verified: what signs it stands in no test.
type webhook struct {
	hook    string
	pos     document.Position
	request *hooks.Request
}

// webhook reads the request in a file.
func (l *loader) webhook(n *document.Node, path document.Path) *webhook {
	var d webhookDraft
	before := l.problems.Len()
	l.dec.Decode(n, &d, path)
	if l.problems.Len() > before {
		return nil
	}
	if d.Hook.Value == "" || d.Request.Value == "" {
		l.problems.Add(n.Pos, path, "must have hook:, the name of one, and request:, the path of a file with an HTTP request")
		return nil
	}
	name := d.Request.Value
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(l.file.Path), name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		l.problems.Add(d.Request.Node.Pos, path.Key("request"), "%s: %s", name, withoutPath(err))
		return nil
	}
	request, err := hooks.ParseRequest(text)
	if err != nil {
		l.problems.Add(d.Request.Node.Pos, path.Key("request"), "%s: %s", name, err)
		return nil
	}
	return &webhook{d.Hook.Value, d.Hook.Node.Pos, request}
}

// event returns the event that the hook makes of the request.
func (w *webhook) event(set *rules.Set) (*event.Event, *Failure) {
	hook := set.Hooks[w.hook]
	if hook == nil {
		return nil, &Failure{w.pos, "no hook \"" + w.hook + "\"" + spelling.Suggest(w.hook, slices.Sorted(maps.Keys(set.Hooks)))}
	}
	e, err := hook.Event(w.request, event.Limits{})
	if err != nil {
		return nil, &Failure{w.pos, "the hook makes no event of the request: " + reason(err)}
	}
	return e, nil
}
