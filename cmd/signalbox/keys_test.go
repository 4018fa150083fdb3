package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestKeysCommands(t *testing.T) {
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer down.Close()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "targets:\n  out: {type: http, url: \""+down.URL+"\", order_by: detail.id, on_dead_letter: stop}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	s := startRouter(t, dir)
	s.run("keys", "list", "out").want(t, 0, "no ordering key of out is blocked", "")
	e := write(t, dir, "event.json", `{"source": "x", "detail-type": "T", "detail": {"id": "o-17"}}`)
	s.run("send", e).want(t, 0, "", "")
	s.run("send", e).want(t, 0, "", "")
	s.eventually("stopped", func() bool {
		_, targets := s.get("/v1/targets", "")
		return strings.Contains(targets, `"keys":[{"key":"o-17","state":"stopped"`) && strings.Contains(targets, `"parked":1,"blocked_keys":1`)
	})
	s.run("keys", "list", "out").want(t, 0, "o-17  stopped", "")
	s.run("ordering-keys", "list", "out", "-o", "json").want(t, 0, `"parked": 1`, "")
	s.run("keys", "list", "nowhere").want(t, 1, "", `no target "nowhere"`)
	s.run("keys", "resume", "out", "o-18").want(t, 1, "", `ordering key "o-18" is not stopped: not found (signalbox ordering-keys list shows those that are)`)
	s.run("keys", "resume", "out", "o-17").want(t, 0, "key o-17 of out continues", "")
}
