package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// clerk handles a command and two queries, and refuses orders of nothing.
func clerk(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch text := string(body); {
	case strings.Contains(text, `"sku":""`):
		http.Error(w, "an order of nothing", http.StatusUnprocessableEntity)
	case strings.Contains(text, "GetReceipt"):
		fmt.Fprint(w, "thank you")
	default:
		fmt.Fprint(w, `{"price":12}`)
	}
}

func TestAskingByCommand(t *testing.T) {
	handler := httptest.NewServer(http.HandlerFunc(clerk))
	defer handler.Close()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\nmin_free_disk: 0\n")
	write(t, dir, "rules.yaml", "targets:\n  clerk: {type: http, url: \""+handler.URL+"\"}\nrules:\n"+
		"  - {name: shop, pattern: {source: [shop]}, targets: [clerk]}\n")
	s := startRouter(t, dir)
	message := func(name, detail string) string {
		return fmt.Sprintf(`{"source":"shop","detail-type":%q,"detail":%s}`, name, detail)
	}
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a query", []string{"--query", message("GetPrice", "{}")}, cli.ExitOK, `{"price":12}` + "\n", "the handler answered 200"},
		{"a query answered in text", []string{"--query", message("GetReceipt", "{}")}, cli.ExitOK, "thank you\n", ""},
		{"a query for programs", []string{"--query", "-o", "json", message("GetPrice", "{}")}, cli.ExitOK, `"price": 12`, ""},
		{"text for programs", []string{"--query", "-o", "json", message("GetReceipt", "{}")}, cli.ExitOK, `"body": "thank you"`, ""},
		{"a command that waits", []string{"--command", "--wait", "10s", message("CreateOrder", `{"sku":"a"}`)}, cli.ExitOK, `{"price":12}`, "the handler answered 200"},
		{"a command refused", []string{"--command", "--wait", "10s", message("CreateOrder", `{"sku":""}`)}, cli.ExitError, "an order of nothing\n", "the handler answered 422"},
		{"a command that does not wait", []string{"--command", message("CreateOrder", `{"sku":"a"}`)}, cli.ExitOK, "operation    CreateOrder\nservice      clerk, by rule shop\n", ""},
		{"a work request for programs", []string{"--command", "-o", "json", message("CreateOrder", `{"sku":"a"}`)}, cli.ExitOK, `"operation": "CreateOrder"`, ""},
		{"a test message", []string{"--query", "--synthetic", message("GetPrice", "{}")}, cli.ExitOK, "", "a test message: the target does not act on it"},
		{"nobody handles it", []string{"--query", `{"source":"nobody","detail-type":"GetPrice","detail":{}}`}, cli.ExitError, "", "NoHandler"},
		{"two at once", []string{"--query", "[" + message("GetPrice", "{}") + "," + message("GetPrice", "{}") + "]"}, cli.ExitUsage, "", "2 messages: a command or a query is sent alone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.run(append([]string{"send"}, tt.args...)...).want(t, tt.code, tt.stdout, tt.stderr)
		})
	}
}
