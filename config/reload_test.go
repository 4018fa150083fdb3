package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const someTargets = "targets: {console: {type: log}}\n"

func ruleText(name string) string {
	return fmt.Sprintf("rules:\n  - {name: %s, pattern: {source: [shop]}, targets: [console]}\n", name)
}

// serving is a Reloader over files of a test, and the Set that it has swapped in.
type serving struct {
	*Reloader
	dir, rules string
	set        *rules.Set
	swapErr    error
	outcomes   []Outcome
}

func serve(t *testing.T) *serving {
	t.Helper()
	s := &serving{dir: t.TempDir()}
	s.rules = writeFile(t, s.dir, "rules/a.yaml", ruleText("first"))
	c, err := Load(writeFile(t, s.dir, "config.yaml", "rules: [rules/*.yaml]\n"+someTargets))
	must(t, err)
	s.set, err = c.LoadRules()
	must(t, err)
	s.Reloader = NewReloader(ReloaderOptions{
		Config:  c,
		Set:     s.set,
		Observe: func(o Outcome) { s.outcomes = append(s.outcomes, o) },
		Swap: func(set *rules.Set) error {
			if s.swapErr == nil {
				s.set = set
			}
			return s.swapErr
		},
	})
	return s
}

// matched is the name of the one rule that an event of the shop matches now.
func (s *serving) matched(t *testing.T) string {
	t.Helper()
	ev := &event.Event{Source: "shop", Detail: []byte("{}")}
	m := s.set.Match(ev, []byte(`{"source":"shop","detail":{}}`), nil)
	if len(m) != 1 {
		t.Fatalf("%d rules match, want 1", len(m))
	}
	return m[0].Rule.Name
}

func (s *serving) last() Outcome { return s.outcomes[len(s.outcomes)-1] }

func TestReloadValidInvalidValid(t *testing.T) {
	s := serve(t)
	reload := func(wantChanged bool, wantErr, wantServing string) {
		t.Helper()
		changed, err := s.Reload(t.Context())
		if changed != wantChanged {
			t.Errorf("changed: got %v, want %v", changed, wantChanged)
		}
		switch {
		case wantErr == "" && err != nil, wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
			t.Errorf("got error %v, want %q", err, wantErr)
		}
		if got := s.matched(t); got != wantServing {
			t.Errorf("rule %q serves, want %q", got, wantServing)
		}
		if ok := s.Status().OK; ok != (wantErr == "") {
			t.Errorf("status OK: %v", ok)
		}
	}
	reload(false, "", "first")
	writeFile(t, s.dir, "rules/a.yaml", ruleText("second"))
	reload(true, "", "second")
	writeFile(t, s.dir, "rules/a.yaml", "# A comment changes nothing.\n"+ruleText("second"))
	reload(false, "", "second")

	writeFile(t, s.dir, "rules/a.yaml", ruleText("third")+"  - name: broken\n")
	reload(false, `rules/a.yaml:3:5: rule "broken": has no pattern`, "second")
	if s.last().Repeated {
		t.Error("the first failure counts as repeated")
	}
	reload(false, `rule "broken"`, "second")
	if !s.last().Repeated {
		t.Error("the second failure does not count as repeated")
	}
	if errs := s.Status().Errors; len(errs) != 1 {
		t.Errorf("status has %d errors, want 1: %v", len(errs), errs)
	}

	writeFile(t, s.dir, "rules/a.yaml", ruleText("third"))
	reload(true, "", "third")
	if !s.last().Recovered {
		t.Error("not told of the recovery")
	}
	if got, want := s.Status().Revision, s.set.Revision; got != want {
		t.Errorf("status has revision %s, %s serves", got, want)
	}
}

func TestReloadOfAnEmptiedFile(t *testing.T) {
	s := serve(t)
	writeFile(t, s.dir, "rules/a.yaml", "")
	if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "is empty, and had 1 rule before; delete it") {
		t.Errorf("got error %v", err)
	}
	if got := s.matched(t); got != "first" {
		t.Errorf("rule %q serves", got)
	}
	must(t, os.Truncate(filepath.Join(s.dir, "config.yaml"), 0))
	if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "config.yaml: is empty") {
		t.Errorf("got error %v", err)
	}
	writeFile(t, s.dir, "config.yaml", "rules: [rules/*.yaml]\n"+someTargets)
	must(t, os.Remove(s.rules))
	if changed, err := s.Reload(t.Context()); !changed || err != nil || len(s.set.Rules) != 0 {
		t.Errorf("after the file is deleted: changed %v, error %v, %d rules", changed, err, len(s.set.Rules))
	}
	must(t, os.Remove(filepath.Join(s.dir, "rules")))
	if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("after the directory is deleted: error %v", err)
	}
}

func TestReloadNeedsRestart(t *testing.T) {
	s := serve(t)
	writeFile(t, s.dir, "config.yaml", "rules: [rules/*.yaml]\nlisten: 127.0.0.1:1\nlimits: {max_depth: 9}\naccount: '1'\n"+someTargets)
	changed, err := s.Reload(t.Context())
	if changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	want := []string{"listen", "account", "limits"}
	if got := s.Status().NeedRestart; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReloadSwapFails(t *testing.T) {
	s := serve(t)
	s.swapErr = errors.New("no more lanes")
	writeFile(t, s.dir, "rules/a.yaml", ruleText("second"))
	for range 2 {
		if changed, err := s.Reload(t.Context()); changed || !errors.Is(err, s.swapErr) {
			t.Errorf("changed %v, error %v", changed, err)
		}
	}
	s.swapErr = nil
	if changed, err := s.Reload(t.Context()); !changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if got := s.matched(t); got != "second" {
		t.Errorf("rule %q serves", got)
	}
}

// TestRunReloads edits files under a running Reloader; config.yaml then names a
// directory that comes later.
func TestRunReloads(t *testing.T) {
	s := serve(t)
	seen := make(chan Outcome, 1000)
	s.opts.Observe = func(o Outcome) { seen <- o }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx, func(err error) { t.Error(err) }) }()
	await := func(what string, ok func(Outcome) bool) {
		t.Helper()
		limit := time.After(10 * time.Second)
		for {
			select {
			case o := <-seen:
				if ok(o) {
					return
				}
			case <-limit:
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	has := func(name string) func(Outcome) bool {
		return func(o Outcome) bool { return o.Err == nil && o.Set.Rule(rules.DefaultBus, name) != nil }
	}
	await("the start", has("first"))
	writeFile(t, s.dir, "rules/a.yaml", ruleText("second"))
	await("the second rule", has("second"))
	writeFile(t, s.dir, "rules/a.yaml", "rules: [")
	await("an error", func(o Outcome) bool {
		var faults document.Errors
		return errors.As(o.Err, &faults) && o.Set.Rule(rules.DefaultBus, "second") != nil
	})
	writeFile(t, s.dir, "rules/a.yaml", ruleText("third"))
	await("the third rule", has("third"))
	writeFile(t, s.dir, "config.yaml", "rules: [rules/*.yaml, later/*.yaml]\n"+someTargets)
	await("a missing directory", func(o Outcome) bool { return o.Err != nil && strings.Contains(o.Err.Error(), "later") })
	writeFile(t, s.dir, "later/b.yaml", ruleText("fourth"))
	await("the fourth rule", has("fourth"))
	cancel()
	<-done
}

// TestAnotherListenAddressIsNoChange: an address that was given on the command line is not
// one that the file has changed.
func TestAnotherListenAddressIsNoChange(t *testing.T) {
	s := serve(t)
	s.opts.Config.ListenOn("127.0.0.1:9")
	if _, err := s.Reload(t.Context()); err != nil || len(s.Status().NeedRestart) > 0 {
		t.Errorf("%v; needs a restart: %q", err, s.Status().NeedRestart)
	}
}

// TestReloadWithAnotherSource: a broken hand edit, of rules or of config.yaml, does not block
// what comes from elsewhere.
func TestReloadWithAnotherSource(t *testing.T) {
	dir := t.TempDir()
	configText := "rules: [rules/*.yaml]\n" + someTargets
	writeFile(t, dir, "rules/a.yaml", ruleText("file"))
	c, err := Load(writeFile(t, dir, "config.yaml", configText))
	must(t, err)
	api := ruleText("api1")
	others := []rules.Documents{{Name: "api", Read: func() ([]rules.Document, error) {
		return []rules.Document{{Path: "rules.yaml", Text: []byte(api)}}, nil
	}}}
	set, err := c.LoadRules(others...)
	must(t, err)
	var last Outcome
	r := NewReloader(ReloaderOptions{
		Config: c, Set: set, Others: others,
		Swap:    func(next *rules.Set) error { set = next; return nil },
		Observe: func(o Outcome) { last = o },
	})
	expect := func(what, want string, changed bool, fault string) {
		t.Helper()
		did, err := r.Reload(t.Context())
		var names []string
		for _, rule := range set.Rules {
			names = append(names, rule.Name)
		}
		if got := strings.Join(names, " "); got != want || did != changed {
			t.Errorf("%s: %s serve, want %s; changed %v", what, got, want, did)
		}
		if (err != nil) != (fault != "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: error %v, want %q", what, err, fault)
		}
		if last.Changed != changed || (last.Err == nil) != (err == nil) || r.Status().OK != (err == nil) || r.Status().Revision != set.Revision {
			t.Errorf("%s: told %+v, and the status is %+v", what, last, r.Status())
		}
	}
	expect("nothing has changed", "api1 file", false, "")
	writeFile(t, dir, "rules/a.yaml", "rules: [x]\n")
	api = ruleText("api2")
	expect("a broken rule file", "api2 file", true, "the rule files have faults")
	writeFile(t, dir, "rules/a.yaml", ruleText("file2"))
	writeFile(t, dir, "config.yaml", configText+"lisen: x\n")
	api = ruleText("api3")
	expect("a broken config.yaml", "api3 file", true, "config.yaml:3:1")
	expect("and again", "api3 file", false, "config.yaml:3:1")
	api = "rules: 1"
	writeFile(t, dir, "config.yaml", configText)
	expect("a broken API", "api3 file2", true, `api:rules.yaml:1:8`)
	api = ruleText("api4")
	expect("all is well", "api4 file2", true, "")
}

// What would change too much is refused, also where a changed file is the reason, unless it is
// forced.
func TestAReloadCanBeRefused(t *testing.T) {
	s := serve(t)
	refused := errors.New("too much would change")
	var asked []*Config
	s.opts.Judge = func(_ context.Context, c *Config, serves, next *rules.Set) error {
		if serves != s.set || next == serves {
			t.Errorf("asked of %p before and %p after, while %p serves", serves, next, s.set)
		}
		asked = append(asked, c)
		return refused
	}
	reload := func(why reason, wantChanged bool, wantErr error, serving string) {
		t.Helper()
		changed, err := s.run(t.Context(), why)
		if changed != wantChanged || !errors.Is(err, wantErr) || s.matched(t) != serving || s.Status().OK != (err == nil) {
			t.Errorf("reload %d: %v, %v, serving %s (%+v)", why, changed, err, s.matched(t), s.Status())
		}
	}
	reload(0, false, nil, "first")
	if len(asked) > 0 {
		t.Error("asked of rules that are the same")
	}
	writeFile(t, s.dir, "rules/a.yaml", ruleText("second"))
	writeFile(t, s.dir, "config.yaml", "rules: [rules/*.yaml]\nreload: {max_change: 0.5%, since: 2h}\n"+someTargets)
	for _, why := range []reason{0, noticed} {
		reload(why, false, refused, "first")
	}
	if len(asked) != 2 || *asked[1].Reload.MaxChange != 0.5 || asked[1].Reload.Since != 2*time.Hour {
		t.Errorf("asked with %+v", asked)
	}
	if o := s.last(); !o.Noticed || !o.Repeated || len(o.NeedRestart) > 0 {
		t.Errorf("the outcome is %+v", o)
	}
	reload(forced, true, nil, "second")
	reload(0, false, nil, "second")
}

func TestACandidateStandsInPlaceOfTheFiles(t *testing.T) {
	s := serve(t)
	serves, candidate, err := s.Candidate([]rules.Document{{Path: "new.yaml", Text: []byte(ruleText("other"))}})
	if err != nil || serves != s.set || len(candidate.Rules) != 1 || candidate.Rules[0].Name != "other" || len(candidate.Targets) != len(s.set.Targets) {
		t.Fatalf("got %v, %+v", err, candidate)
	}
	if s.matched(t) != "first" || slices.ContainsFunc(s.watched(), func(p string) bool { return strings.Contains(p, "new.yaml") }) {
		t.Errorf("%s serves, and %v are watched", s.matched(t), s.watched())
	}
	if _, _, err := s.Candidate([]rules.Document{{Path: "new.yaml", Text: []byte("rules: 1")}}); err == nil || !strings.Contains(err.Error(), "candidate:new.yaml:1:8: ") {
		t.Errorf("got %v", err)
	}
}
