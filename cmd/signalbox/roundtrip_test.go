package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signalbox/rules"
	"signalbox/targets/http"
	"signalbox/targets/sqs"
)

// generator makes rule documents of all that both sides can say, and of some that one can't.
type generator struct {
	*rand.Rand
	strings.Builder
}

func (g *generator) some(chance float64) bool { return g.Float64() < chance }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// nasty are texts that a format might take for something else.
var nasty = []string{"plain", "${x} and %{y}", `"quoted" <&> 'x'`, "a: b # c", "!Ref AWS::Region", "ünï→cödé", "{{resolve:x}} no", "yes", "1e3", " spaces "}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// document returns a rule file.
func (g *generator) document() string {
	g.WriteString("buses:\n  shop: {description: " + quoted(pick(g, nasty...)) + "}\n  shop/orders: {bubble: " + pick(g, "true", "false") + ", publish_dead_letters: " + pick(g, "true", "false") + "}\n")
	g.WriteString("connections:\n")
	for i, auth := range []string{
		`{basic: {user: "me$${x}", password: s3cret}}`, `{api_key: {header: X-Key, value: s3cret}}`, `{bearer: s3cret}`,
		`{oauth2: {token_url: "https://login.example.com/token?audience=s3cret", client_id: id, client_secret: s3cret, method: PUT, send_in: body, params: {a: s3cret}, headers: {X-T: s3cret}}}`,
		`{hmac: {secret: s3cret, header: X-Signature}}`,
	} {
		fmt.Fprintf(g, "  c%d: {description: %s, auth: %s", i, quoted(pick(g, nasty...)), auth)
		if g.some(.5) {
			g.WriteString(`, headers: {X-A: s3cret}, query: {q: "1"}, body: {b: "2"}`)
		}
		g.WriteString("}\n")
	}
	g.WriteString("targets:\n  fn: {type: log, arn: \"arn:aws:lambda:eu-west-1:123456789012:function:fn\", retry: {max_attempts: " + pick(g, "7", "185", "400") + "}}\n  bare: {type: log}\n  to-shop: {type: bus, bus: shop}\n")
	g.WriteString("  jobs: {type: sqs, url: \"sqs://eu-west-1/123456789012/jobs\", arn: \"arn:aws:sqs:eu-west-1:123456789012:jobs\"}\n  fifo: {type: sqs, url: \"sqs://eu-west-1/123456789012/jobs.fifo\", group: g, arn: \"arn:aws:sqs:eu-west-1:123456789012:jobs.fifo\"}\n")
	for i := range 5 {
		fmt.Fprintf(g, "  d%d: {type: http, description: %s, url: \"https://crm.example.com/%d/*/lines/*\", method: %s, auth: {connection: c%d}", i, quoted(pick(g, nasty...)), i, pick(g, "POST", "PUT", "DELETE", "GET"), i)
		g.WriteString(pick(g, "", ", rate_limit: 7/s", ", rate_limit: 600/m", ", timeout: 9s", ", path: /x") + "}\n")
	}
	g.WriteString("archives:\n  kept: {folder: a, bus: shop, description: " + quoted(pick(g, nasty...)) + ", retention_days: 7, pattern: {source: [shop]}}\n  whole: {folder: b" + pick(g, "", ", bus: default") + "}\nrules:\n")
	for i := range 12 {
		g.rule(i)
	}
	return g.String()
}

func (g *generator) rule(i int) {
	fmt.Fprintf(g, "  - name: r%d\n    description: %s\n    state: %s\n", i, quoted(pick(g, nasty...)), pick(g, "enabled", "disabled", "shadow", "paused"))
	bus := pick(g, "default", "shop", "shop/orders")
	g.WriteString("    bus: " + bus + "\n")
	if scheduled := g.some(.3); scheduled {
		g.WriteString("    schedule: " + pick(g, "rate(5 minutes)", "cron(0 8 ? * MON-FRI *)\n    timezone: Europe/Berlin", "cron(0 8 1 * ? *)\n    catch_up: last") + "\n")
	} else {
		g.WriteString("    pattern: " + pick(g, `{source: [shop], detail: {total: [{numeric: [">", 100.50]}], t: ["<>&", "${a}"]}}`, `{detail-type: [{prefix: Item}, {anything-but: [a]}]}`,
			`{$or: [{source: [a]}, {source: [b]}]}`, `{detail: {tags: [{all-of: [a, b]}]}}`) + "\n")
	}
	if g.some(.2) {
		g.WriteString(pick(g, "    when: detail.a > 1\n", "    kind: event\n", "    strict: true\n", "    stop_bubbling: true\n", "    start: oldest\n"))
	}
	g.WriteString("    targets:\n")
	for n := range 1 + g.IntN(6) {
		fmt.Fprintf(g, "      - id: t%d\n        target: %s\n", n, pick(g, "fn", "bare", "to-shop", "jobs", "fifo", "d0", "d1", "d2", "d3", "d4"))
		g.WriteString(pick(g, "", "", "        input: '{\"a\": \"<&> ${x}\"}'\n", "        input: '\"text\"'\n", "        input_path: $.detail\n", "        input_transformer: {input_paths_map: {n: $.detail.n}, input_template: '{\"n\": <n>, \"x\": \"${q}\"}'}\n",
			"        input_transformer: {input_paths_map: {n: $.detail.n}, input_template: '<n>', compat: raw}\n", "        transform: '{a: 1}'\n"))
		if g.some(.4) {
			g.WriteString("        retry: " + pick(g, "{max_attempts: 5, max_age: 1h}", "{max_attempts: 1}", "{max_age: 90s}", "{max_attempts: 300}", "{max_age: 48h}", "{max_age: 5s}", "{min_backoff: 3s}") + "\n")
		}
		if g.some(.3) {
			g.WriteString("        dead_letter: " + pick(g, "jobs", "bare", "fn") + "\n")
		}
		if g.some(.3) {
			g.WriteString("        http_parameters: {path_parameter_values: [$.detail.id, \"a/b\"], header_parameters: {X-T: $.detail.t, X-L: \"%{x}\"}, query_string_parameters: {q: $.id}}\n")
		}
		if g.some(.1) {
			g.WriteString("        emits: [Made]\n")
		}
	}
}

// facts are what a set of rules says: texts by object and field.
type facts map[[2]string]string

func factsOf(t *testing.T, set *rules.Set) facts {
	f := facts{}
	add := func(object, field string, value any) {
		text, err := json.Marshal(value)
		must(t, err)
		if s := string(text); s != "null" && s != `""` && s != "{}" {
			f[[2]string{object, field}] = s
		}
	}
	// place is what a target is, whatever it is called.
	place := func(name string) string {
		c := set.Targets[name]
		switch o := c.Options.(type) {
		case *http.Options:
			return "http " + o.URL
		case *sqs.Options:
			return "sqs " + o.URL + " " + o.Group
		}
		if bus := c.ToBus(); bus != "" {
			return "bus " + bus
		}
		return "arn " + c.ARN
	}
	for _, r := range set.Rules {
		name := r.Name
		add(name, "bus", r.Bus)
		add(name, "description", r.Description)
		add(name, "state", r.State)
		add(name, "pattern", r.Pattern.Source())
		if r.Schedule != nil {
			add(name, "schedule", r.Schedule.String())
			add(name, "timezone", r.Schedule.Zone())
			add(name, "catch_up", r.CatchUp)
		}
		if r.When != nil {
			add(name, "when", r.When.Source())
		}
		add(name, "kind", r.Kinds)
		add(name, "strict", map[bool]any{true: true}[r.Strict])
		add(name, "stop_bubbling", map[bool]any{true: true}[r.StopBubbling])
		add(name, "start", r.Start.String())
		for _, e := range r.Targets {
			field := func(key string) string { return key + " of " + e.ID }
			add(name, field("target"), place(e.Target))
			add(name, field("input"), e.Spec.Input)
			add(name, field("input_path"), e.Spec.InputPath)
			add(name, field("transform"), e.Spec.Transform)
			if it := e.Spec.InputTransformer; it != nil {
				add(name, field("input_transformer"), []any{it.InputPathsMap, it.InputTemplate})
				add(name, field("compat"), it.Compat)
			}
			retry := set.Targets[e.Target].Retry
			if e.Retry != nil {
				retry = *e.Retry
			}
			add(name, field("max_attempts"), retry.MaxAttempts)
			add(name, field("max_age"), retry.MaxAge)
			add(name, field("min_backoff"), retry.MinBackoff)
			add(name, field("http_parameters"), e.HTTPParameters)
			add(name, field("emits"), e.Emits)
			if e.DeadLetter != "" {
				add(name, field("dead_letter"), place(e.DeadLetter))
			}
		}
	}
	for name, b := range set.Buses {
		add(name, "description", b.Description)
		add(name, "bubble", map[bool]any{true: true}[b.Bubble])
		add(name, "publish_dead_letters", map[bool]any{true: true}[b.PublishDeadLetters])
	}
	for name, c := range set.Connections {
		add(name, "description", c.Description)
		add(name, "kind", c.Auth.Kind())
		if b := c.Auth.Basic; b != nil {
			add(name, "user", b.User)
		}
		keys := func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
		added := [][]string{keys(c.Headers), keys(c.Query), keys(c.Body)}
		if o := c.Auth.OAuth2; o != nil {
			url, query, _ := strings.Cut(o.TokenURL, "?")
			query, _, _ = strings.Cut(query, "=")
			add(name, "oauth", []string{url, query, o.ClientID, o.Method, o.SendIn})
			added = append(added, keys(o.Params), keys(o.Headers))
		}
		add(name, "added", added)
	}
	for name, c := range set.Targets {
		if o, ok := c.Options.(*http.Options); ok {
			add(name, "description", c.Description)
			add(name, "url", o.URL)
			add(name, "method", o.Method)
			if c.RateLimit.N > 0 {
				add(name, "rate_limit", c.RateLimit.PerSecond())
			}
			add(name, "path", o.Path)
			add(name, "timeout", c.Timeout)
			if o.Auth != nil {
				add(name, "connection", o.Auth.Connection)
			}
		}
	}
	for name, a := range set.Archives {
		add(name, "description", a.Description)
		add(name, "bus", a.Bus)
		add(name, "pattern", a.Pattern)
		add(name, "retention_days", a.RetentionDays)
		add(name, "folder", a.Folder)
	}
	return f
}

// wordsFor are words by which a list tells of the loss of a field, besides its own name.
var wordsFor = map[string][]string{
	"target": {"has no ARN that AWS knows"}, "dead_letter": {"dead_letter"}, "max_attempts": {"MaximumRetryAttempts"}, "max_age": {"MaximumEventAgeInSeconds"}, "folder": {"where it lies", "of every bus"},
	"bus": {"of every bus"}, "retention_days": {"of every bus"}, "kind": {"secrets are not shown", "no word for how it logs in"}, "added": {"no word for how it logs in"},
	"timezone": {"timezone"}, "method": {}, "description": {"no word for how it logs in"}, "min_backoff": {"min_backoff"},
}

// listed reports whether a line tells of the loss.
func listed(lines []string, object, field string) bool {
	word, _, _ := strings.Cut(field, " of ")
	for _, line := range lines {
		for _, w := range append([]string{word}, wordsFor[word]...) {
			// Templates call a rule Ruledefaultr1, and a description Description.
			if regexp.MustCompile(regexp.QuoteMeta(object)+`\b`).MatchString(line) && strings.Contains(plain(line), plain(w)) {
				return true
			}
		}
	}
	return false
}

func plain(text string) string { return strings.ToLower(strings.ReplaceAll(text, "_", "")) }

var variables = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]+)\}`)

// loadText loads a rule file, with all that it asks the environment for.
func loadText(t *testing.T, text string) *rules.Set {
	t.Helper()
	for _, m := range variables.FindAllStringSubmatch(text, -1) {
		t.Setenv(m[1], "of-the-environment")
	}
	dir := t.TempDir()
	write(t, dir, "rules.yaml", text)
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "rules.yaml")}})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return set
}

// exportOf serves a rule file, and returns its template and what that leaves out.
func exportOf(t *testing.T, text string) (template string, left []string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", text)
	s := startRouter(t, dir)
	out := s.run("export", "--format", "cloudformation")
	if out.code != 0 {
		t.Fatal(out.stderr)
	}
	return out.stdout, strings.Split(out.stderr, "\n")
}

// importOf makes a rule file of a template.
func importOf(t *testing.T, template string) (text string, left []string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "t.json", template)
	out := signalbox(t, "import", filepath.Join(dir, "t.json"))
	if out.code != 0 {
		t.Fatal(out.stderr)
	}
	return out.stdout, strings.Split(out.stdout, "\n")
}

// TestRoundTrip: whatever rules become as a template, and that as rules again, is as it was, or was listed; and so are templates
// that become rules, and these templates.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			text := (&generator{Rand: rand.New(rand.NewPCG(seed, 15))}).document()
			first, left := exportOf(t, text)
			again, notes := importOf(t, first)
			lines := append(left, notes...)
			before, after := factsOf(t, loadText(t, text)), factsOf(t, loadText(t, again))
			for key, want := range before {
				if got := after[key]; got != want && !listed(lines, key[0], key[1]) {
					t.Errorf("%s: %s is %s, was %s, and nothing tells of it", key[0], key[1], got, want)
				}
			}
			for key, got := range after {
				if before[key] == "" && !listed(lines, key[0], key[1]) {
					t.Errorf("%s: %s is %s, and was not there", key[0], key[1], got)
				}
			}
			if strings.Contains(first+again+strings.Join(lines, "\n"), "s3cret") {
				t.Error("a secret is shown")
			}
			second, leftAgain := exportOf(t, again)
			compareTemplates(t, first, second, append(notes, leftAgain...))
			if t.Failed() {
				t.Logf("%s\n%s", text, strings.Join(left, "\n"))
			}
		})
	}
}

// compareTemplates reports what of a template is not in another, and not listed.
func compareTemplates(t *testing.T, first, second string, lines []string) {
	t.Helper()
	type template struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	var a, b template
	must(t, json.Unmarshal([]byte(first), &a))
	must(t, json.Unmarshal([]byte(second), &b))
	for id, was := range a.Resources {
		is := b.Resources[id]
		for property, value := range was.Properties {
			if x, y := fmt.Sprint(value), fmt.Sprint(is.Properties[property]); x != y && !listed(lines, id, property) && !listed(lines, fmt.Sprint(was.Properties["Name"]), property) {
				t.Errorf("%s.%s is %s, was %s, and nothing tells of it", id, property, y, x)
			}
		}
	}
}
