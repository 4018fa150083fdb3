package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/history"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/sources"
)

// world is all that a router serves, as serve puts it together, over a real router, whose HTTP
// target is always down. What is asked and answered is held against the OpenAPI document.
type world struct {
	t        *testing.T
	dir      string
	router   *router.Router
	log      *audit.Log
	sources  *sources.Supervisor
	archives *archiver.Archiver
	journal  *store.Journal
	nodes    *nodes
	server   *httptest.Server
	client   *client.Client
	stop     context.CancelFunc
}

const worldRules = `sources:
  broker: {type: nats, url: "nats://127.0.0.1:1", stream: ORDERS}
targets:
  console: {type: log, to: stdout}
  gathered: {type: http, url: "http://127.0.0.1:1/", batch: {max_events: 50, max_wait: 0s}}
  shop:
    type: http
    url: http://127.0.0.1:1/orders?token=${SHOP_TOKEN}
    headers: {Authorization: "Bearer sesame"}
    rate_limit: 30000/m
    retry: {max_attempts: 1}
rules:
  - name: big
    description: Big orders.
    pattern: {source: [shop.orders], detail-type: [OrderCreated], detail: {total: [{numeric: [">", 100]}]}}
    targets: [shop]
  - name: unpaid
    pattern: {source: [shop.orders]}
    when: detail.total > detail.paid
    targets: [console]
  - {name: far, pattern: {source: [elsewhere], detail-type: [Nothing]}, targets: [console]}
  - {name: off, state: disabled, pattern: {source: [shop.orders]}, targets: [console]}
  - {name: watched, state: shadow, pattern: {source: [shop.orders]}, targets: [console]}
`

const worldCatalog = `types:
  - {name: OrderCreated, sources: [shop.orders], schema: {required: [total], properties: {total: {type: number}, paid: {type: number}}}}
`

const worldHooks = `hooks:
  x: {verify: bearer, header: X-Token, secrets: [the-token-of-x], detail_type: '"Pinged"'}
`

func newWorld(t *testing.T) *world { return newWorldOf(t, worldRules, "") }

// newWorldOf is a world of other rules, and of more configuration.
func newWorldOf(t *testing.T, text, more string) *world {
	t.Setenv("SHOP_TOKEN", "sesame")
	w := &world{t: t, dir: t.TempDir()}
	w.write("config.yaml", "data_dir: data\nrules: [rules.yaml]\ncatalog: [catalog.yaml]\n"+worldHooks+more)
	w.write("rules.yaml", text)
	w.write("catalog.yaml", worldCatalog)
	cfg, err := config.Load(filepath.Join(w.dir, "config.yaml"))
	must(t, err)
	set, err := cfg.LoadRules()
	must(t, err)
	j, err := store.Open(cfg.DataDir, store.Options{})
	must(t, err)
	w.journal = j
	registry := prometheus.NewRegistry()
	w.archives, err = archiver.New(archiver.Options{Journal: j, Registerer: registry})
	must(t, err)
	w.archives.Set(set.Archives)
	j.Trimmer.Keep(w.archives.Owed)
	w.router, err = router.New(router.Options{Journal: j, Trace: true, Registerer: registry, Stdout: io.Discard, Past: w.archives.Reader()}, set)
	must(t, err)
	w.router.Start()
	w.log, err = audit.New(j.Audit, zap.NewNop(), registry)
	must(t, err)
	w.log.Start()
	reloader := config.NewReloader(config.ReloaderOptions{Config: cfg, Set: set, Swap: w.router.Swap})
	stopping, stop := context.WithCancel(t.Context())
	w.stop = stop
	w.sources = sources.NewSupervisor(sources.SupervisorOptions{
		Accepter: w.router, Registerer: registry,
		Paused: func(name string) *sources.Pause {
			if p := w.router.Pauses.OfSource(name); p != nil {
				return &sources.Pause{By: p.By, Since: p.Since}
			}
			return nil
		},
	})
	w.sources.Set(set.Sources)
	recorder := history.New(registry)
	recorder.Start()
	w.nodes = &nodes{leads: true}
	management := api.New(api.Options{
		Router: w.router, Cluster: w.nodes, Store: j, Audit: w.log, History: recorder, Reloader: reloader, Sources: w.sources, Archives: w.archives,
		Diff:     &diff.Store{Events: j.Events, Clock: time.Now, Workers: 1},
		Gatherer: registry, Stopping: stopping,
	})
	events := ingest.New(w.router, ingest.Options{
		Plan:    func(ctx context.Context, e *event.Event) (any, error) { return w.router.Plan(ctx, e) },
		Command: w.router.Commands.Command, Query: w.router.Commands.Query, Stopping: stopping,
	})
	webhooks := ingest.NewHooks(events, func(string) bool { return true })
	webhooks.Set(set.Hooks)
	front := new(api.Front)
	front.Open(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case ingest.IsHook(r):
			webhooks.ServeHTTP(rw, r)
		case ingest.TakesEvents(r):
			events.ServeHTTP(rw, r)
		default:
			management.ServeHTTP(rw, r)
		}
	}), w.router.Ready)
	w.server = httptest.NewServer(documented(t, management).hold(t, front))
	w.client = client.New(client.Options{URL: w.server.URL, HTTP: w.server.Client()})
	t.Cleanup(func() {
		stop()
		w.server.Close()
		must(t, recorder.Stop(context.Background()))
		must(t, w.sources.Stop(context.Background()))
		must(t, w.archives.Stop(context.Background()))
		must(t, w.router.Stop(context.Background()))
		must(t, w.log.Stop(context.Background()))
		must(t, j.Close())
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	must(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// ask makes a request, and wants a status and a part of the answer.
func (w *world) ask(method, path, body string, status int, want string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	must(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.server.Client().Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(w.t, err)
	if resp.StatusCode != status || !strings.Contains(string(answer), want) {
		w.t.Errorf("%s %s: %d %s\nwant %d with %s", method, path, resp.StatusCode, answer, status, want)
	}
	return string(answer)
}

// accept takes in orders of a total, and gives their ids.
func (w *world) accept(totals ...string) []string {
	w.t.Helper()
	var ids []string
	for _, total := range totals {
		e := &event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"total":` + total + `,"paid":0}`)}
		refused, err := w.router.Accept(w.t.Context(), []*event.Event{e})
		must(w.t, errors.Join(append(refused, err)...))
		ids = append(ids, e.ID)
	}
	return ids
}

// letters waits until n deliveries have died.
func (w *world) letters(n int) []*dlq.Letter {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		page, err := w.client.DeadLetters.List(w.t.Context(), dlq.Filter{}, "", 1000)
		must(w.t, err)
		if len(page.Letters) == n {
			return page.Letters
		}
		if time.Now().After(end) {
			w.t.Fatalf("%d dead letters, want %d", len(page.Letters), n)
		}
	}
}

func TestShow(t *testing.T) {
	w := newWorld(t)
	id := w.accept("250")[0]
	w.letters(1)
	tests := []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/v1/rules", 200, `"name":"big","bus":"default","arn":"arn:aws:events:local:000000000000:rule/big","description":"Big orders."`},
		{"GET", "/v1/rules/default/unpaid", 200, `"when":"detail.total \u003e detail.paid"`},
		{"GET", "/v1/key", 200, `{"rights":["send","read","operate","admin"]}`},
		{"GET", "/v1/rules/default/unpaid/status", 200, `"bus":"default","name":"unpaid"`},
		{"GET", "/v1/rules/default/unpayd/status", 404, `did you mean \"unpaid\"`},
		{"GET", "/v1/rules/default/nope", 404, `no rule \"nope\" on bus \"default\"`},
		{"GET", "/v1/targets", 200, `"failing":"CONNECTION_FAILURE`},
		{"GET", "/v1/targets", 200, `"format":"eventbridge","headers":["Authorization"],"method":"POST"`}, {"GET", "/v1/targets", 200, `"url":"http://127.0.0.1:1/orders?***"`},
		{"GET", "/v1/targets", 200, `"rate_limit_per_second":500`},
		{"GET", "/v1/targets", 200, `"state":"failing","circuit":{"state":"closed"}`},
		{"GET", "/v1/targets", 200, `"retry_budget":{"ratio":0.2,"min_rate":"10/s"}`}, {"GET", "/v1/targets", 200, `"breaker":{"failures":10,"open_for":"5s","probes":1}`},
		{"GET", "/v1/targets", 200, `"batch":{"max_events":50,"max_bytes":"1MiB","max_wait":"0s"}`},
		{"GET", "/v1/events/" + id, 200, `"detail":{"total":250,"paid":0}}`},
		{"GET", "/v1/events/nope", 404, "not found"},
		{"GET", "/v1/accounts", 200, `{"events":{"accepted":1,"unmatched":0,"duplicates":0},"deliveries":{"planned":2,`},
		{"GET", "/metrics", 200, "signalbox_events_accepted_total 1"},
		{"GET", "/nothing", 404, `nothing is at /nothing`},
		{"PUT", "/v1/rules", 405, "/v1/rules takes GET, not PUT"},
		{"PUT", "/v1/work-requests/x", 405, "/v1/work-requests/x takes GET or DELETE, not PUT"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			answer := w.ask(tt.method, tt.path, "", tt.status, tt.want)
			if strings.Contains(answer, "sesame") {
				t.Errorf("a secret is shown: %s", answer)
			}
		})
	}
}

func TestConsoleAsks(t *testing.T) {
	w := newWorld(t)
	w.accept("200")
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/history?name=pending&target=shop", "", 200, `"series":[{"name":"pending","target":"shop","last":0,"points":[0]}]`},
		{"GET", "/v1/history?target=nope", "", 200, `"series":[]`},
		{"GET", "/v1/reload", "", 200, `"ok":true`},
		{"GET", "/v1/flow", "", 200, `"svg":"\u003csvg`},
		{"GET", "/v1/flow?svg=maybe", "", 400, `svg \"maybe\": write true or false`},
		{"GET", "/v1/catalog", "", 200, "OrderCreated"},
		{"POST", "/v1/playground", `{"event":{"source":"a","detail-type":"B","detail":{"n":1}},"pattern":{"source":["b"]}}`, 200, `"matched":false,"failures":[{"path":"source"`},
		{"POST", "/v1/playground", `{"event":{"source":"a","detail-type":"B","detail":{"n":1}},"pattern":{"source":["a"]},"transform":"{m: detail.n}"}`, 200, `"body":"{\"m\":1}"`},
		{"POST", "/v1/playground", `{"event":{"source":"a","detail-type":"B","detail":{}},"pattern":{"detail":{"x":[{"numerc":["=",1]}]}}}`, 200, `did you mean \"numeric\"`},
		{"POST", "/v1/playground", `{"event":{"source":"a"},"pattern":{"source":["a"]}}`, 400, "detail-type"},
	} {
		w.ask(tt.method, tt.path, tt.body, tt.status, tt.want)
	}
	f, err := w.client.Rules.Flow(t.Context(), false)
	must(t, err)
	if len(f.Rows) != 4 || len(f.Graph.Nodes) == 0 || f.SVG != "" {
		t.Errorf("%d rows: %+v, %d nodes, a picture of %d bytes", len(f.Rows), f.Rows, len(f.Graph.Nodes), len(f.SVG))
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t)
	w.ask("POST", "/-/reload", "", 200, `"changed":false`)
	w.write("rules.yaml", strings.Replace(worldRules, "numeric", "numerc", 1)+"  - {name: big, pattern: {a: [1]}, targets: [nope]}\n")
	var answer struct{ Error api.Error }
	must(t, json.Unmarshal([]byte(w.ask("POST", "/-/reload", "", 400, "the files have faults; nothing was changed")), &answer))
	problem := answer.Error
	if len(problem.Faults()) < 2 || !strings.Contains(problem.Faults()[0], "rules.yaml:15:") {
		t.Errorf("the faults are not told one by one: %q", problem.Faults())
	}
	w.ask("GET", "/v1/rules/default/big", "", 200, "numeric")
	w.write("rules.yaml", strings.Replace(worldRules, "name: far", "name: farther", 1))
	w.ask("POST", "/-/reload", "", 200, `"changed":true`)
	w.ask("GET", "/v1/rules/default/farther", "", 200, "elsewhere")
	w.ask("GET", "/-/reload", "", 405, "takes POST")
}
