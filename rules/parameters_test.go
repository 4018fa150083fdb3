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
