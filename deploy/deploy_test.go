// Package deploy has tests of the files that people install the router with: whether the tools
// that read them accept them, and whether what they describe runs.
package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

// program returns the path of the router, built as a release is.
func program(t *testing.T) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "signalbox")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "signalbox/cmd/signalbox").CombinedOutput()
	os.Stderr.Write(out)
	return path, err
})

// built is the directory of what tests build.
var built string

func TestMain(m *testing.M) {
	os.Setenv("CGO_ENABLED", "0")
	var err error
	if built, err = os.MkdirTemp("", "deploy"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// tool returns the path of a program, and skips the test where the machine has none.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	home, err := exec.Command("go", "env", "GOPATH").Output()
	must(t, err)
	path := filepath.Join(strings.TrimSpace(string(home)), "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is missing: %s", name, from)
	}
	return path
}

// output runs a program, which must succeed, and returns what it printed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAlerts(t *testing.T) {
	promtool := tool(t, "promtool", "apt-get install prometheus")
	output(t, promtool, "check", "rules", "prometheus/alerts.yaml")
	output(t, promtool, "test", "rules", "prometheus/alerts_test.yaml")
}

// dashboard is what of Grafana's dashboards is looked at here.
type dashboard struct {
	Panels []struct {
		Title, Type, Description string
		Targets                  []struct{ Expr string }
	}
}

// TestDashboard checks each query by promtool, as the expression of a rule.
func TestDashboard(t *testing.T) {
	promtool := tool(t, "promtool", "apt-get install prometheus")
	var board dashboard
	must(t, json.Unmarshal([]byte(read(t, "grafana/signalbox.json")), &board))
	fill := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$target", ".*", "$job", ".*")
	rules := []map[string]string{}
	for _, p := range board.Panels {
		if p.Type != "row" && (p.Title == "" || p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("a panel needs title, description and queries: %+v", p)
		}
		for _, q := range p.Targets {
			rules = append(rules, map[string]string{"record": "a:b", "expr": fill.Replace(q.Expr)})
		}
	}
	if len(rules) < 20 {
		t.Errorf("%d queries", len(rules))
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "a", "rules": rules}}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, string(text))
	output(t, promtool, "check", "rules", "--lint=none", path)
}

// TestMetricsExist looks for every metric that the files name in the code, and for every metric
// of the code in the page that lists them.
func TestMetricsExist(t *testing.T) {
	var code strings.Builder
	must(t, filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			code.WriteString(read(t, path))
		}
		return err
	}))
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(signalbox_[a-z_]+)"`).FindAllStringSubmatch(code.String(), -1) {
		defined[m[1]] = true
	}
	for _, part := range []string{"segments", "events", "bytes", "errors"} { // these are put together
		defined["signalbox_archive_"+part+"_total"] = true
	}
	delete(defined, "signalbox_archive_")
	delete(defined, "signalbox_told") // a cookie
	name := regexp.MustCompile(`signalbox_[a-z_]+`)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	const page = "../docs/telemetry.md"
	listed := map[string]bool{}
	for _, path := range []string{"grafana/signalbox.json", "prometheus/alerts.yaml", "prometheus/alerts_test.yaml", page} {
		found := 0
		for _, metric := range name.FindAllString(read(t, path), -1) {
			found++
			if metric = suffix.ReplaceAllString(metric, ""); !defined[metric] {
				t.Errorf("%s names %s, which the router does not have", path, metric)
			}
			listed[metric] = listed[metric] || path == page
		}
		if found < 10 {
			t.Errorf("%s: found only %d metrics", path, found)
		}
	}
	for metric := range defined {
		if !listed[metric] {
			t.Errorf("%s does not list %s", page, metric)
		}
	}
}

func TestSystemdUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "apt-get install systemd")
	unit := filepath.Join(t.TempDir(), "signalbox.service")
	write(t, unit, strings.ReplaceAll(read(t, "systemd/signalbox.service"), "/usr/bin/signalbox", program(t)))
	output(t, analyze, "verify", "--man=no", unit)
	output(t, analyze, "security", "--offline=true", "--no-pager", "--threshold=20", unit) // 2.0 of 10
}

// TestConfigurations checks the configurations that images and packages start with.
func TestConfigurations(t *testing.T) {
	t.Setenv("SIGNALBOX_API_KEY", "a-key-of-sixteen")
	compose := filepath.Join(t.TempDir(), "config.yaml") // the image's, with the rules that compose.yaml puts in their place
	write(t, compose, read(t, "docker/config/config.yaml"))
	write(t, filepath.Join(filepath.Dir(compose), "rules", "consumer.yaml"), read(t, "docker/compose/rules/consumer.yaml"))
	if !strings.Contains(read(t, "docker/compose.yaml"), "./compose/rules:/etc/signalbox/rules:ro") {
		t.Error("compose.yaml has its rules elsewhere")
	}
	for _, path := range []string{"docker/config/config.yaml", compose} {
		if out := output(t, program(t), "check", "--config", path); !strings.Contains(out, "ok: 1 rule") {
			t.Errorf("%s: %s", path, out)
		}
	}
	os.Unsetenv("SIGNALBOX_API_KEY")
	out, err := exec.Command(program(t), "check", "--config", "docker/config/config.yaml").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SIGNALBOX_API_KEY") {
		t.Errorf("without a key: %v %s", err, out)
	}
}

// TestChart renders the chart, and checks the configuration and the rules in it.
func TestChart(t *testing.T) {
	helm := tool(t, "helm", "go install helm.sh/helm/v3/cmd/helm@v3.19.5")
	output(t, helm, "lint", "--strict", "helm/signalbox")
	t.Setenv("SIGNALBOX_API_KEY", "a-key-of-sixteen")
	t.Setenv("POD_NAME", "mine-signalbox-2")
	t.Setenv("POD_INDEX", "2")
	alone := []string{"ConfigMap", "ConfigMap", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet"}
	for name, test := range map[string]struct {
		set, want []string
		config    string // what config.yaml has
	}{
		"alone":     {nil, alone, ""},
		"a cluster": {[]string{"cluster.nats=nats://nats:4222", "config.cluster.user=router", "config.cluster.password=sesame"}, slices.Insert(slices.Clone(alone), 3, "Service"), "http://${POD_NAME}.mine-signalbox-nodes:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"template", "mine", "helm/signalbox", "--set", "serviceMonitor.enabled=true"}
			for _, value := range test.set {
				args = append(args, "--set", value)
			}
			checkChart(t, output(t, helm, args...), test.want, test.config)
		})
	}
	if out, err := exec.Command(helm, "template", "mine", "helm/signalbox", "--set", "config.listen=:1").CombinedOutput(); err == nil || !strings.Contains(string(out), "config.listen is set by the chart") {
		t.Errorf("%v %s", err, out)
	}
}

// checkChart holds what a chart has made against the kinds of its objects, and has the router check the files in it.
func checkChart(t *testing.T, text string, want []string, config string) {
	t.Helper()
	dir, kinds := t.TempDir(), []string{}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if decoder.Decode(&object) != nil {
			break
		}
		kinds = append(kinds, object.Kind)
		for name, text := range object.Data {
			write(t, filepath.Join(dir, strings.TrimPrefix(object.Metadata.Name, "mine-signalbox-"), name), text)
		}
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, want) {
		t.Errorf("the chart has %v, want %v", kinds, want)
	}
	path := filepath.Join(dir, "config", "config.yaml")
	if out := output(t, program(t), "check", "--config", path); !strings.Contains(out, "ok: 1 rule") || !strings.Contains(read(t, path), config) {
		t.Errorf("%s%s", out, read(t, path))
	}
}

// TestPackages builds both packages, and unpacks the one whose tools are here.
func TestPackages(t *testing.T) {
	nfpm := tool(t, "nfpm", "go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2")
	dir := t.TempDir()
	for name, value := range map[string]string{"BINARY": program(t), "ARCH": "amd64", "VERSION": "1.2.3"} {
		t.Setenv(name, value)
	}
	for _, format := range []string{"deb", "rpm"} {
		cmd := exec.Command(nfpm, "package", "--config", "deploy/packages/nfpm.yaml", "--packager", format, "--target", filepath.Join(dir, "signalbox."+format))
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	dpkg := tool(t, "dpkg-deb", "apt-get install dpkg")
	output(t, dpkg, "--extract", filepath.Join(dir, "signalbox.deb"), filepath.Join(dir, "root"))
	if out := output(t, filepath.Join(dir, "root/usr/bin/signalbox"), "check", "--config", filepath.Join(dir, "root/etc/signalbox/config.yaml")); !strings.Contains(out, "ok: 1 rule") {
		t.Error(out)
	}
	if got, want := read(t, filepath.Join(dir, "root/usr/lib/systemd/system/signalbox.service")), read(t, "systemd/signalbox.service"); got != want {
		t.Error("the package has another unit")
	}
	if files := output(t, dpkg, "--info", filepath.Join(dir, "signalbox.deb"), "conffiles"); !strings.Contains(files, "/etc/signalbox/config.yaml") {
		t.Errorf("an upgrade would overwrite the configuration: %s", files)
	}
}
