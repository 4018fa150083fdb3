package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signalbox/api"
)

// TestBodiesOfStrangers sends what is no order, or might be read as two.
func TestBodiesOfStrangers(t *testing.T) {
	w := newWorld(t)
	w.accept("250")
	letters := w.letters(1)
	deep := strings.Repeat("[", 100_000)
	for name, tt := range map[string]struct {
		body, contentType string
		status            int
		want              string
	}{
		"a member twice":         {`{"filter":{"target":"none"},"all":false,"filter":{"target":"shop"}}`, "", 400, `\"filter\" is there twice`},
		"a member twice, within": {`{"filter":{"target":"none","target":"shop"}}`, "", 400, `\"target\" is there twice`},
		"twice by an escape":     {`{"filter":{"target":"none","t\u0061rget":"shop"}}`, "", 400, "is there twice"},
		"in capitals":            {`{"filter":{"target":"none"},"ALL":true}`, "", 400, `unknown member \"ALL\" (did you mean \"all\"?)`},
		"capitals, within":       {`{"filter":{"Target":"none"}}`, "", 400, `unknown member \"Target\"`},
		"a brace after it":       {`{"all":true}}`, "", 400, "more follows"},
		"a bracket after it":     {`{"all":true}]`, "", 400, "more follows"},
		"rubbish after it":       {"{\"all\":true}\x00", "", 400, "more follows"},
		"nothing":                {"", "application/json", 400, "the body is empty"},
		"null":                   {"null", "", 400, "null is no object"},
		"a list":                 {`[{"all":true}]`, "", 400, "body: it must be an object, not array"},
		"text for true":          {`{"all":"true"}`, "", 400, `body: \"all\" must be true or false, not string`},
		"text for a number":      {`{"filter":{"status":"503"}}`, "", 400, `body: \"status\" must be a whole number, not string`},
		"a number for text":      {`{"filter":{"target":7}}`, "", 400, `body: \"target\" must be a string, not number`},
		"a list for an object":   {`{"filter":[]}`, "", 400, `body: \"filter\" must be an object, not array`},
		"no time":                {`{"filter":{"since":"yesterday"}}`, "", 400, `\"yesterday\": write a time such as`},
		"deep":                   {deep, "", 400, "exceeded max depth"},
		"deep in a pattern":      {`{"filter":{"pattern":` + deep, "", 400, "exceeded max depth"},
		"no UTF-8":               {"{\"filter\":{\"target\":\"\xff\"}}", "", 400, "not UTF-8"},
		"no JSON":                {`{"all":true}`, "text/plain", 415, "send application/json"},
		"a form":                 {`{"all":true}`, "application/x-www-form-urlencoded", 415, "send application/json"},
		"no type at all":         {`{"all":true}`, ";;", 415, "send application/json"},
		"another charset":        {`{"all":true}`, "application/json; charset=utf-16", 415, "send application/json"},
		"too much":               {`{"all":true,"x":"` + strings.Repeat("x", api.MaxRequest) + `"}`, "", 413, "over the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/deadletters/purge", "/v1/deadletters/redrive", "/v1/targets/shop/keys/resume"} {
				resp, answer := w.send("POST", path, tt.body, tt.contentType)
				if !strings.Contains(path, "keys") && (resp.StatusCode != tt.status || !strings.Contains(answer, tt.want)) || resp.StatusCode < 400 || resp.StatusCode > 415 {
					t.Errorf("%s: %d %.300s\nwant %d with %s", path, resp.StatusCode, answer, tt.status, tt.want)
				}
			}
		})
	}
	resp, answer := w.send("POST", "/v1/deadletters/purge", `{"all":true}`, "", "Content-Encoding", "gzip")
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("gzip: %d %s", resp.StatusCode, answer)
	}
	for _, query := range []string{"dry_run=", "dry_run=false", "dry_run=no", "dry_run=true&dry_run=false"} {
		w.ask("POST", "/v1/deadletters/redrive?"+query, `{"all":true,"dry_run":true}`, 400, "dry_run")
	}
	w.ask("POST", "/v1/deadletters/redrive", `{"filter":{"pattern":{"detail":{"a":[1],"A":[2]}}},"dry_run":true}`, 200, "")
	w.ask("POST", "/v1/explain", `{"id":"`+letters[0].EventID+`","id":"x"}`, 400, "twice")
	w.ask("POST", "/v1/explain?bus=default", `{"id":"`+letters[0].EventID+`"}`, 400, "bus does not go together with an id")
	w.ask("POST", "/v1/explain", deep, 400, "")
	w.ask("POST", "/v1/explain", "{\"id\":\"\xff\"}", 400, "not UTF-8")
	for _, path := range []string{"/v1/targets/shop/pause", "/v1/rules/default/big/pause", "/v1/backup"} {
		w.ask("POST", path, `{"for":"1h"}`, 400, "the body would be ignored")
	}
	w.ask("POST", "/v1/targets/shop/resume", " {}\n", 200, `"name":"shop"`)
	w.letters(1) // nothing was purged
}

// TestParametersOfStrangers gives every listing what is no limit and no cursor of its own.
func TestParametersOfStrangers(t *testing.T) {
	w := newWorld(t)
	w.accept("200", "300", "400")
	w.letters(3)
	w.audit(`{"id":"a"}`, `{"id":"b"}`)
	for range 3 {
		w.ask("POST", "/v1/targets/console/pause", "", 200, "")
	}
	lists := []string{"/v1/rules", "/v1/targets", "/v1/buses", "/v1/deadletters", "/v1/redrives", "/v1/replays", "/v1/events", "/v1/state", "/v1/state/Thing", "/v1/work-requests", "/v1/catalog", "/v1/audit", "/v1/targets/shop/keys"}
	cursors := map[string]string{}
	for _, path := range lists {
		var answer struct {
			Next string `json:"next_cursor"`
		}
		must(t, json.Unmarshal([]byte(w.ask("GET", path+"?limit=1", "", 200, "{")), &answer))
		cursors[path] = answer.Next
		for _, limit := range []string{"0", "-1", "1001", "99999999999999999999", "1e3", "0x10", "%2B", "1.0", "", "%00", "%D9%A1"} {
			w.ask("GET", path+"?limit="+limit, "", 400, `"message":"limit `)
		}
		for _, query := range []string{"limit=1&limit=2", "cursor=%zz", "limit=1;cursor=x", "%ff=1", "cursor=%ff"} {
			w.ask("GET", path+"?"+query, "", 400, `"code":"InvalidRequest"`)
		}
	}
	for _, query := range []string{"key=a&prefix=b", "key=a&limit=1", "key=a&cursor=b", "cursor=a&after=b", "version=1"} {
		w.ask("GET", "/v1/state/Thing?"+query, "", 400, `"code":"InvalidRequest"`)
	}
	for path, cursor := range cursors {
		if cursor == "" || strings.HasPrefix(path, "/v1/state") { // any text is a type, and the key of a state
			continue
		}
		for _, tampered := range []string{cursor + "x", " " + cursor, cursor + "\x00", "-" + cursor, "0" + cursor, cursor + "/../"} {
			w.ask("GET", path+"?cursor="+url.QueryEscape(tampered), "", 400, "use the next_cursor of an earlier page")
		}
		for other, cursor := range cursors {
			if other == path || cursor == "" {
				continue
			}
			w.ask("GET", path+"?cursor="+url.QueryEscape(cursor), "", 400, "use the next_cursor of an earlier page")
		}
	}
	for _, list := range []string{"events", "events/stream", "deadletters", "deadletters/groups", "keys/shop"} {
		for _, path := range []string{"/v1/events", "/v1/events/stream", "/v1/deadletters", "/v1/deadletters/groups", "/v1/targets/shop/keys"} {
			if !strings.HasSuffix(path, list) && list != "keys/shop" || list == "keys/shop" && path != "/v1/targets/shop/keys" {
				w.ask("GET", path+"?cursor="+url.QueryEscape(w.journal.Cursor(list, "1.0")), "", 400, "use the next_cursor of an earlier page")
			}
		}
	}
	other := newWorld(t)
	other.accept("200", "300")
	other.letters(2)
	for _, path := range []string{"/v1/events", "/v1/deadletters", "/v1/audit"} {
		if cursor := cursors[path]; cursor == "" {
			t.Errorf("%s has given no cursor", path)
		} else {
			other.ask("GET", path+"?cursor="+url.QueryEscape(cursor), "", 400, "use the next_cursor of an earlier page")
		}
	}
	other.ask("GET", "/v1/events/stream?cursor="+url.QueryEscape(w.journal.Cursor("events/stream", "1")), "", 400, "not of this store")
	for _, cursor := range []string{"deadbeef", "FFFFFFFFFFFFFFFF", "+1", "0x1", "1.2", "1.2.3", "99999999999999999999999"} {
		for _, path := range []string{"/v1/audit", "/v1/targets/shop/keys", "/v1/rules", "/v1/work-requests"} {
			w.ask("GET", path+"?cursor="+url.QueryEscape(cursor), "", 400, "use the next_cursor")
		}
	}
}

// TestNamesOfStrangers asks for what has no such name, written in every way.
func TestNamesOfStrangers(t *testing.T) {
	w := newWorld(t)
	w.audit(`{"id":"a"}`)
	names := []string{"..%2Fshop", "%2E%2E", "%2Fshop", "shop%2F", "shop%00", "%ff", "%C0%AF", "shop%20", "%E2%80%AEpohs", strings.Repeat("x", 8000), "%7B%7D", "%25", "shop%252F", "*", "SHOP"}
	for _, path := range []string{"/v1/rules/default/{}", "/v1/rules/{}/big", "/v1/targets/{}", "/v1/targets/{}/keys", "/v1/buses/{}", "/v1/deadletters/{}", "/v1/redrives/{}", "/v1/events/{}", "/v1/events/{}/trace", "/v1/traces/{}", "/v1/work-requests/{}", "/v1/state/Thing/{}", "/v1/state/{}/a"} {
		for _, name := range names {
			w.ask("GET", strings.Replace(path, "{}", name, 1), "", 404, `{"error":{"code":"NotFound"`)
		}
		for _, name := range []string{"..", ".", "", "a//b", "../shop"} {
			if name == "" && strings.HasSuffix(path, "{}") {
				continue // then it is the path of the list
			}
			resp, answer := w.raw("GET", strings.Replace(path, "{}", name, 1))
			if resp.StatusCode != 400 || !strings.Contains(answer, "empty step") {
				t.Errorf("%s of %q: %d %s", path, name, resp.StatusCode, answer)
			}
		}
	}
	for _, name := range names {
		for _, path := range []string{"/v1/targets/{}/pause", "/v1/targets/{}/resume", "/v1/targets/{}/retry", "/v1/targets/{}/drain", "/v1/rules/{}/big/pause", "/v1/rules/default/{}/resume", "/v1/redrives/{}/cancel", "/v1/redrives/{}/resume"} {
			w.ask("POST", strings.Replace(path, "{}", name, 1), "", 404, `{"error":{"code":"NotFound"`)
		}
		w.ask("DELETE", "/v1/work-requests/"+name, "", 404, `{"error":{"code":"NotFound"`)
	}
}

// raw sends a path as it is, and returns the answer.
func (w *world) raw(method, path string) (*http.Response, string) {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	must(w.t, err)
	defer conn.Close()
	must(w.t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path)
	must(w.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(w.t, err)
	defer resp.Body.Close()
	answer := new(strings.Builder)
	_, err = bufio.NewReader(resp.Body).WriteTo(answer)
	must(w.t, err)
	return resp, answer.String()
}
