package awsapi

import (
	"strings"

	"signalbox/rules"
)

// Export returns what was made by API as rule files, each with its path, and beside them the targets that
// were made of ARNs, which files must declare.
func (a *API) Export() ([]rules.Document, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	d := a.opts.Documents
	all := append([]rules.Document{}, d.all...)
	made, err := a.madeTargets(a.opts.Rules())
	if err != nil || len(made) == 0 {
		return all, err
	}
	return append(all, rules.Document{Path: "targets.json", Text: readable(map[string]any{"targets": made})}), nil
}

// madeTargets are the targets, as files have them, that entries of the API lead to and nothing declares.
func (a *API) madeTargets(set *rules.Set) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	docs, err := documentsBelow[ruleDocument](a.opts.Documents, "rules/")
	for _, doc := range docs {
		for i := range doc.Targets {
			for _, m := range []rules.Made{doc.Targets[i].made(), {ARN: doc.Targets[i].deadLetters()}} {
				name, options, ok := m.Declaration(a.opts.Account, a.opts.Region)
				if t, serves := set.Targets[name]; !ok || !serves || strings.HasPrefix(t.ARN, "arn:") {
					continue
				}
				options["arn"] = m.ARN
				out[name] = options
			}
		}
	}
	return out, err
}

// made is what a target is made of that nothing declares.
func (t *target) made() rules.Made {
	m := rules.Made{ARN: t.ARN}
	if t.said.SqsParameters != nil {
		m.Group = t.said.SqsParameters.MessageGroupID
	}
	return m
}

// deadLetters is the ARN of the queue that gets its dead letters too; empty for none.
func (t *target) deadLetters() string {
	if t.said.DeadLetterConfig == nil {
		return ""
	}
	return t.said.DeadLetterConfig.Arn
}
