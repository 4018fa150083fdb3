package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"signalbox/api/client"
)

// TestTheWaysInAreAsDocumented sends events, commands and queries in each form.
func TestTheWaysInAreAsDocumented(t *testing.T) {
	w := workWorld(t)
	const command = `{"source":"shop","detail-type":"MakeThing","detail":{}}`
	for _, tt := range []struct {
		method, path, body, contentType string
		status                          int
		want                            string
	}{
		{"POST", "/v1/events", command, "application/json", 200, `{"events":[{"id":"`},
		{"POST", "/v1/events?dry_run=true", command, "application/json", 200, `"dry_run":true`},
		{"POST", "/v1/events", `[` + command + `,{"source":1}]`, "application/json", 400, `"events":[{},{"error":{"code":`},
		{"POST", "/v1/events", `{}`, "text/plain", 415, "UnsupportedMediaType"},
		{"POST", "/v1/events?bus=a&bus=b", command, "application/json", 400, "bus is there 2 times"},
		{"POST", "/v1/events?dry_run=true&dry_run=false", command, "application/json", 400, "dry_run is there 2 times"},
		{"POST", "/v1/commands?wait=1s&wait=2s", command, "application/json", 400, "wait is there 2 times"},
		{"POST", "/v1/events", `[{"specversion":"1.0","id":"1","source":"shop","type":"MakeThing"}]`, "application/cloudevents-batch+json", 200, `"id":`},
		{"POST", "/v1/commands", command, "application/json", 202, `"operation":"MakeThing"`},
		{"POST", "/v1/commands?wait=10s", command, "application/json", 200, ""},
		{"POST", "/v1/queries", `{"source":"shop","detail-type":"MakeThing","detail":{}}`, "application/json", 200, ""},
		{"POST", "/v1/queries", `{"source":"shop","detail-type":"Unknown","detail":{}}`, "application/json", 422, "NoHandler"},
		{"OPTIONS", "/v1/events", "", "", 200, ""},
		{"OPTIONS", "/v1/commands", "", "", 200, ""},
		{"OPTIONS", "/v1/queries", "", "", 200, ""},
		{"GET", "/healthz", "", "", 200, "ok"},
		{"GET", "/readyz", "", "", 200, "ready"},
		{"POST", "/healthz", "", "", 405, "MethodNotAllowed"},
	} {
		resp, answer := w.send(tt.method, tt.path, tt.body, tt.contentType)
		if resp.StatusCode != tt.status || !strings.Contains(answer, tt.want) {
			t.Errorf("%s %s %s: %d %s\nwant %d with %s", tt.method, tt.path, tt.body, resp.StatusCode, answer, tt.status, tt.want)
		}
	}
	if resp, answer := w.send("POST", "/v1/hooks/x?any=1", `{"zen":"Keep it simple"}`, "application/json", "X-Token", "the-token-of-x"); resp.StatusCode != http.StatusOK || !strings.Contains(answer, `{"events":[{"id":"`) {
		t.Errorf("a webhook: %d %s", resp.StatusCode, answer)
	}
	if resp, answer := w.send("POST", "/v1/hooks/x", `{}`, "application/json"); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(answer, "NotVerified") {
		t.Errorf("a webhook of a stranger: %d %s", resp.StatusCode, answer)
	}
	if resp, answer := w.send("POST", "/?dry_run=true", `{"Entries":[]}`, "application/x-amz-json-1.1", "X-Amz-Target", "AWSEvents.PutEvents"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, "takes no parameters") {
		t.Errorf("PutEvents with a query: %d %s", resp.StatusCode, answer)
	}
	for target, body := range map[string]string{
		"PutEvents":        `{"Entries":[{"Source":"shop","DetailType":"T","Detail":"{}"}]}`,
		"TestEventPattern": `{"EventPattern":"{\"source\":[\"a\"]}","Event":"{\"id\":\"1\",\"source\":\"a\",\"detail-type\":\"b\",\"account\":\"1\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"x\"}"}`,
		"ListRules":        `{}`,
	} {
		resp, answer := w.send("POST", "/", body, "application/x-amz-json-1.1", "X-Amz-Target", "AWSEvents."+target)
		if ok := resp.StatusCode == http.StatusOK; ok != (target == "PutEvents") {
			t.Errorf("%s: %d %s", target, resp.StatusCode, answer)
		}
	}
}

// send makes a request of a content type, with more headers.
func (w *world) send(method, path, body, contentType string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	must(w.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.server.Client().Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp, string(answer)
}

// TestClientsListToTheEnd: a list is as long as it is, and not as its first page.
func TestClientsListToTheEnd(t *testing.T) {
	const many = 2*1000 + 1
	text := new(strings.Builder)
	text.WriteString("targets: {t: {type: log, to: stdout}}\nrules:\n")
	for i := range many {
		fmt.Fprintf(text, "  - {name: r%d, state: disabled, pattern: {source: [none]}, targets: [t]}\n", i)
	}
	w := newWorldOf(t, text.String(), "")
	rules, err := w.client.Rules.List(t.Context())
	must(t, err)
	names := map[string]bool{}
	for _, r := range rules {
		names[r.Name] = true
	}
	if len(rules) != many || len(names) != many {
		t.Errorf("%d rules, %d names, want %d", len(rules), len(names), many)
	}
}

// TestPages gathers no more than is asked for, and says where it goes on.
func TestPages(t *testing.T) {
	numbers := func(cursor string, limit int) ([]int, string, error) {
		from, _ := strconv.Atoi(cursor)
		page := make([]int, 0, limit)
		for n := from; n < 2500 && len(page) < limit; n++ {
			page = append(page, n)
		}
		if end := from + len(page); end < 2500 {
			return page, strconv.Itoa(end), nil
		}
		return page, "", nil
	}
	for _, tt := range []struct {
		limit, want int
		next        string
	}{{0, 2500, ""}, {1, 1, "1"}, {1000, 1000, "1000"}, {1001, 1001, "1001"}, {2500, 2500, ""}, {9999, 2500, ""}} {
		all, next, err := client.Pages(tt.limit, numbers)
		if err != nil || len(all) != tt.want || next != tt.next || all[len(all)-1] != tt.want-1 {
			t.Errorf("limit %d: %d entries, next %q, %v; want %d, %q", tt.limit, len(all), next, err, tt.want, tt.next)
		}
	}
	circle := func(string, int) ([]int, string, error) { return []int{1}, "here", nil }
	if _, _, err := client.Pages(0, circle); err == nil || !strings.Contains(err.Error(), "leads to itself") {
		t.Errorf("in a circle: %v", err)
	}
}
