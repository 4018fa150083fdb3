package awsapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/config"
	"signalbox/journal/store"
)

// TestExport: what was made by API and exported serves in the files of another router as it did.
func TestExport(t *testing.T) {
	r := startSealing(t, store.InMemory(), t.TempDir(), secretKey)
	if all, err := r.Export(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v of nothing", all, err)
	}
	for _, call := range []struct{ operation, body string }{
		{"CreateEventBus", `{"Name":"a/b","Description":"D"}`},
		{"PutRule", `{"Name":"r","EventBusName":"a/b","EventPattern":"{\"source\":[\"shop\"]}","State":"DISABLED","Description":"${HOME}"}`},
		{"PutRule", `{"Name":"tick","ScheduleExpression":"rate(5 minutes)"}`},
		{"PutTargets", `{"Rule":"r","EventBusName":"a/b","Targets":[{"Id":"1","Arn":"arn:aws:sqs:eu-west-1:123456789012:q","InputPath":"$.detail"},{"Id":"2","Arn":"arn:aws:sqs:eu-west-1:123456789012:q.fifo","SqsParameters":{"MessageGroupId":"g"}},` +
			`{"Id":"3","Arn":"arn:aws:logs:eu-west-1:123456789012:log-group:all"},{"Id":"4","Arn":"` + arnOf + `event-bus/default"}]}`},
		{"CreateArchive", `{"ArchiveName":"all","EventSourceArn":"` + arnOf + `event-bus/a/b","EventPattern":"{\"source\":[\"shop\"]}"}`},
		{"CreateConnection", `{"Name":"crm","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"` + password + `"}}}`},
	} {
		if got := r.answer(t, call.operation, call.body); strings.Contains(got, "Exception") {
			t.Fatalf("%s: %s", call.operation, got)
		}
	}
	all, err := r.Export()
	must(t, err)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "exported"), 0o700))
	for _, d := range all {
		if strings.Contains(string(d.Text), password) {
			t.Errorf("%s has a secret", d.Path)
		}
		write(t, filepath.Join(dir, "exported"), strings.ReplaceAll(d.Path, "/", "-"), string(d.Text))
	}
	write(t, dir, "config.yaml", "rules: [exported]\naccount: \""+account+"\"\nregion: "+region+"\nsecret_keys: ["+secretKey+"]\n")
	c, err := config.Load(filepath.Join(dir, "config.yaml"))
	must(t, err)
	set, err := c.LoadRules()
	must(t, err)
	before := r.opts.Rules()
	if len(set.Rules) != 2 || len(set.Targets) != 4 || len(set.Buses) != 2 || set.Archives["all"] == nil {
		t.Errorf("%d rules, %d targets, %d buses", len(set.Rules), len(set.Targets), len(set.Buses))
	}
	for _, rule := range before.Rules {
		other := set.Rule(rule.Bus, rule.Name)
		if other == nil || other.State != rule.State || other.Description != rule.Description || string(other.Pattern.Source()) != string(rule.Pattern.Source()) || len(other.Targets) != len(rule.Targets) {
			t.Fatalf("%s is %+v, was %+v", rule.Name, other, rule)
		}
		for i := range rule.Targets {
			a, b := before.Targets[rule.Targets[i].Target], set.Targets[other.Targets[i].Target]
			if a.Name != b.Name || a.Type != b.Type || rule.Targets[i].ID != other.Targets[i].ID {
				t.Errorf("%s leads to %s of type %s, did to %s of type %s", rule.Name, b.Name, b.Type, a.Name, a.Type)
			}
		}
	}
}
