package api_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/router"
)

// tell takes in an event of any type.
func (w *world) tell(e *event.Event) {
	w.t.Helper()
	refused, err := w.router.Accept(w.t.Context(), []*event.Event{e})
	must(w.t, errors.Join(append(refused, err)...))
}

func TestCatalog(t *testing.T) {
	w := newWorldOf(t, worldRules, "buses: {default: {catalog: warn}}\n")
	var v struct {
		Revision string
		Types    []struct {
			Name, Kind, Position string
			Schema               json.RawMessage
		}
		Warnings []router.ArrivalWarnings
	}
	must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/catalog", "", 200, `"warnings":[]`)), &v))
	if len(v.Types) != 1 || v.Types[0].Name != "OrderCreated" || v.Types[0].Kind != "event" || v.Types[0].Position == "" || len(v.Types[0].Schema) == 0 || v.Revision == "" {
		t.Errorf("got %+v", v)
	}
	for range 2 {
		w.tell(&event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"total":"12"}`)})
	}
	w.tell(&event.Event{Source: "shop.returns", DetailType: "OrderReturned", Detail: []byte(`{}`)})
	w.ask("GET", "/v1/catalog", "", 200, `OrderReturned`)
	must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/catalog", "", 200, `detail.total: expected number, got string`)), &v))
	counts := map[string]uint64{}
	for _, x := range v.Warnings {
		counts[x.Code+" "+x.Type] = uint64(x.Count)
	}
	if len(counts) != 2 || counts["SchemaViolation OrderCreated"] != 2 || counts["UndeclaredType "] != 1 { // whose types are without number, and in the message
		t.Errorf("warnings %v", counts)
	}
}

func TestCatalogOfNothing(t *testing.T) {
	w := newWorld(t)
	w.write("catalog.yaml", "types: []\n")
	w.ask("POST", "/-/reload", "", 200, `"changed":true`)
	w.ask("GET", "/v1/catalog", "", 200, `"types":[],"warnings":[]`)
}

func TestCatalogInPages(t *testing.T) {
	w := newWorld(t)
	w.write("catalog.yaml", `types: [{name: A, version: "1.0.0"}, {name: A, version: "2.0.0"}, {name: B, version: "1.0.0"}]`)
	w.ask("POST", "/-/reload", "", 200, `"changed":true`)
	var names []string
	for cursor, more := "", true; more; more = cursor != "" {
		var v struct {
			Types []struct{ Name, Version string }
			Next  string `json:"next_cursor"`
		}
		must(t, json.Unmarshal([]byte(w.ask("GET", "/v1/catalog?limit=1&cursor="+url.QueryEscape(cursor), "", 200, `"revision"`)), &v))
		cursor = v.Next
		for _, x := range v.Types {
			names = append(names, x.Name+x.Version)
		}
	}
	if got := strings.Join(names, " "); got != "A1.0.0 A2.0.0 B1.0.0" {
		t.Errorf("got %s", got)
	}
}

func TestDiscoverTellsOfDriftAndProposes(t *testing.T) {
	w := newWorld(t)
	w.ask("GET", "/v1/catalog/discover", "", 200, `{"examined":0,"types":[]}`)
	began := time.Now().Add(-time.Minute)
	w.accept("1", `"2"`)
	w.tell(&event.Event{Source: "shop.returns", DetailType: "OrderReturned", Detail: []byte(`{"orderId":"o-1","items":[{"count":2}]}`)})
	found, err := w.client.Catalog.Discover(t.Context(), began, 100)
	must(t, err)
	byType := map[string]catalog.Discovery{}
	for _, d := range found.Types {
		byType[d.Type] = d
	}
	declared, proposed := byType["OrderCreated"], byType["OrderReturned"]
	if found.Examined != 3 || found.From.Before(began) || len(byType) != 2 {
		t.Errorf("looked at %d events since %v, types %v", found.Examined, found.From, byType)
	}
	if !declared.Declared || declared.Events != 2 || len(declared.Drift) != 1 || declared.Drift[0] != `detail.total: expected number, got string "2"` {
		t.Errorf("of the declared type it says %+v", declared)
	}
	if proposed.Declared || proposed.Events != 1 {
		t.Errorf("of the other it says %+v", proposed)
	}
	if one, err := w.client.Catalog.Discover(t.Context(), time.Time{}, 1); err != nil || one.Examined != 1 || len(one.Types) != 1 || one.Types[0].Type != "OrderReturned" {
		t.Errorf("the latest event alone: %+v, %v", one, err)
	}
	if none, err := w.client.Catalog.Discover(t.Context(), time.Now().Add(time.Hour), 1); err != nil || none.Examined != 0 {
		t.Errorf("events of the future: %+v, %v", none, err)
	}
	for query, want := range map[string]string{
		"limit=0":      `limit \"0\": write a number from 1 to 100000`,
		"limit=100001": `limit \"100001\": write a number`,
		"limit=x":      `limit \"x\": write a number`,
		"since=soon":   `since \"soon\": write a time such as 2026-01-31T15:04:05Z`,
	} {
		w.ask("GET", "/v1/catalog/discover?"+query, "", 400, want)
	}
}
