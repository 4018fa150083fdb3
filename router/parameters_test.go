package router

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
)

// TestParametersReachTheRequest: a rule's HttpParameters are in the request, and in the
// plan that shows it.
func TestParametersReachTheRequest(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.RequestURI + " " + r.Header.Get("X-Source")
	}))
	defer server.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml":         "targets: {q: {type: http, url: " + server.URL + "/orders/*, arn: \"arn:aws:events:x:1:api-destination/q\"}}\nrules: [{name: r, pattern: {source: [shop.orders]}}]\n",
		"r.targets.json": `{"Rule":"r","Targets":[{"Id":"1","Arn":"arn:aws:events:x:1:api-destination/q","HttpParameters":{"PathParameterValues":["$.detail.id"],"HeaderParameters":{"X-Source":"$.source"}}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load(rules.Source{Globs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, err := New(Options{Journal: store}, set)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	defer func() { _ = r.Stop(context.Background()) }()
	e := order(7)
	p, err := r.Plan(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if address := p.Rules[0].Targets[0].Request.Address; address != server.URL+"/orders/7" {
		t.Errorf("planned for %s", address)
	}
	if each, err := r.Accept(t.Context(), []*event.Event{e}); err != nil || each[0] != nil {
		t.Fatal(each, err)
	}
	if request := <-got; request != "/orders/7 shop.orders" {
		t.Errorf("got %s", request)
	}
}
