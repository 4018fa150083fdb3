package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/targets"
)

// TestHTTPParameters loads what PutTargets takes for an API destination.
func TestHTTPParameters(t *testing.T) {
	const envelope = `{"id":"1","detail-type":"Order Created","source":"shop","detail":{"id":12345678901234567890,"tenant":"blue","o":{"a": 1}}}`
	const one = `"PathParameterValues":["$.detail.id","x"],"HeaderParameters":{"X-Tenant":"$.detail.tenant","X-O":"$.detail.o"},"QueryStringParameters":{"t":"$.detail-type"}`
	for _, test := range []struct{ name, target, parameters, want, err, warning string }{
		{"applied", `type: http, url: "http://x/*/*"`, one, `12345678901234567890,x,X-O={"a": 1},X-Tenant=blue,t=Order Created`, "", ""},
		{"absent", `type: http, url: "http://x/*"`, `"PathParameterValues":["$.detail.none"]`, "", "the event has no such value", ""},
		{"no path", `type: http, url: "http://x/*"`, `"PathParameterValues":["$."]`, "", "HttpParameters.PathParameterValues[0]: ", ""},
		{"no header", `type: http, url: "http://x"`, `"HeaderParameters":{"Transfer-Encoding":"x"}`, "", "it belongs to the connection", ""},
		{"unknown", `type: http, url: "http://x"`, `"PathParameters":["x"]`, "", "PathParameters", ""},
		{"another kind", `type: log`, one, "", "", "is ignored: target \"q\" is of type log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"targets.yaml":   "targets: {q: {" + test.target + `, arn: "arn:aws:events:eu-west-1:1:api-destination/q/0e3e"}}`,
				"r.yaml":         "rules: [{name: r, pattern: {source: [shop]}}]",
				"r.targets.json": `{"Rule":"r","Targets":[{"Id":"1","Arn":"arn:aws:events:eu-west-1:1:api-destination/q/0e3e","HttpParameters":{` + test.parameters + `}}]}`,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			set, err := Load(Source{Globs: []string{dir}})
			var got string
			if err == nil {
				got, err = parametersOf(set.Rule(DefaultBus, "r").Targets[0].Parameters, &targets.Delivery{Envelope: []byte(envelope)})
			}
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("%s (%v), want %s", got, err, test.want)
			}
			var warnings []string
			for _, w := range set.Warnings {
				warnings = append(warnings, w.Error())
			}
			if all := strings.Join(warnings, "\n"); !strings.Contains(all, test.warning) || test.warning == "" && all != "" {
				t.Errorf("warnings %s, want %q", all, test.warning)
			}
		})
	}
}

// TestHTTPParametersOfARuleFile: they are told as they were written, and faults in them have their place.
func TestHTTPParametersOfARuleFile(t *testing.T) {
	set := func(parameters string) (*Set, error) {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		text := "targets: {q: {type: http, url: \"http://x/*/*\"}}\nrules:\n  - name: r\n    pattern: {source: [shop]}\n    targets:\n      - {target: q, http_parameters: " + parameters + "}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(Source{Globs: []string{path}})
	}
	const all = `{path_parameter_values: [$.detail.id, x], header_parameters: {X-Tenant: $.detail.tenant}, query_string_parameters: {t: $.detail-type, n: "5"}}`
	loaded, err := set(all)
	if err != nil {
		t.Fatal(err)
	}
	r := loaded.Rule(DefaultBus, "r")
	got, err := parametersOf(r.Targets[0].Parameters, &targets.Delivery{Envelope: []byte(`{"detail-type":"Created","detail":{"id":7,"tenant":"blue"}}`)})
	if want := "7,x,X-Tenant=blue,n=5,t=Created"; err != nil || got != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
	shown, err := r.MarshalJSON()
	if want := `"http_parameters":{"path_parameter_values":["$.detail.id","x"],"header_parameters":{"X-Tenant":"$.detail.tenant"},"query_string_parameters":{"n":"5","t":"$.detail-type"}}`; err != nil || !strings.Contains(string(shown), want) {
		t.Errorf("shown as %s (%v)", shown, err)
	}
	for parameters, want := range map[string]string{
		`{path_parameter_values: ["${TOKEN}"]}`:       `rules.yaml:6:62: rule "r": targets[0].http_parameters.path_parameter_values[0]: expected . or [`,
		`{header_parameters: {Transfer-Encoding: x}}`: `targets[0].http_parameters: header Transfer-Encoding: it belongs to the connection`,
		`{headers: {a: b}}`:                           `unknown key "headers"`,
		`[a]`:                                         `targets[0].http_parameters: `,
	} {
		if _, err := set(parameters); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", parameters, err, want)
		}
	}
}

func parametersOf(p *targets.Parameters, d *targets.Delivery) (string, error) {
	if p == nil {
		return "", nil
	}
	var out []string
	for _, list := range [][]targets.Parameter{p.Path, p.Headers, p.Query} {
		for _, one := range list {
			value, err := one.Value(d)
			if err != nil {
				return "", err
			}
			if one.Name != "" {
				value = one.Name + "=" + value
			}
			out = append(out, value)
		}
	}
	return strings.Join(out, ","), nil
}
