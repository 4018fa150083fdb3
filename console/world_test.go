package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/auth"
	"signalbox/config"
	"signalbox/console"
	"signalbox/diff"
	"signalbox/event"
	"signalbox/history"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/sources"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a router with its console, put together as serve does it, and a server that its
// targets send to.
type world struct {
	t      testing.TB
	dir    string
	router *router.Router
	server *httptest.Server
	client *client.Client
	// down makes the consumers of billing and of what is keyed answer 503.
	down atomic.Bool
	// setKeys changes the keys that requests may carry.
	setKeys func(*auth.Keys)
	// posted has the paths of forms that were sent.
	posted sync.Map
}

// theKey is that of a world with keys.
const theKey = "the-key-of-the-console-tests"

const worldRules = `targets:
  warehouse: {type: http, url: "CONSUMER/warehouse"}
  billing: {type: http, url: "CONSUMER/billing", retry: {max_attempts: 3, min_backoff: 1ms, max_backoff: 20ms}, breaker: off}
  search-index: {type: http, url: "CONSUMER/search"}
  payments: {type: http, url: "CONSUMER/payments", reply: events, emits: [PaymentMade]}
  partner: {type: http, url: "http://127.0.0.1:1/hooks", retry: {min_backoff: 1m}, breaker: {failures: 2, open_for: 10m}}
  mailer: {type: log, to: stdout}
rules:
  - name: orders-to-warehouse
    description: The warehouse packs every order.
    pattern: {source: [shop.orders], detail-type: [OrderCreated, OrderChanged]}
    targets: [warehouse]
  - name: pay-big-orders
    pattern: {source: [shop.orders], detail-type: [OrderCreated], detail: {total: [{numeric: [">", 100]}]}}
    targets: [payments]
  - name: invoices
    pattern: {source: [shop.orders], detail-type: [OrderCreated], detail: {total: [{numeric: [">", 400]}]}}
    targets: [{target: billing, transform: "{order: detail.orderId, total: detail.total}"}]
  - {name: search, pattern: {source: [shop.catalog]}, targets: [search-index]}
  - {name: tell-customers, pattern: {detail-type: [PaymentMade]}, targets: [mailer]}
  - {name: partner-feed, pattern: {detail-type: [StockLow]}, targets: [partner, mailer]}
  - {name: vip, pattern: {source: [shop.orders]}, when: "detail.customer.tier == 'gold'", targets: [mailer]}
  - {name: fraud, state: shadow, pattern: {source: [shop.orders], detail: {total: [{numeric: [">", 400]}]}}, targets: [mailer]}
`

const worldCatalog = `types:
  - {name: OrderCreated, sources: [shop.orders], description: A customer has ordered., schema: {required: [total], properties: {total: {type: number}}}}
  - {name: PaymentMade, sources: [shop.payments], final: true}
`

// newWorld makes a world, with keys where there are some.
func newWorld(t testing.TB, keys ...auth.Key) *world { return newWorldOf(t, worldRules, keys...) }

// newWorldOf makes a world with other rules.
func newWorldOf(t testing.TB, rules string, keys ...auth.Key) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.down.Store(true)
	consumer := httptest.NewServer(http.HandlerFunc(w.consume))
	w.write("config.yaml", "data_dir: data\nrules: [rules.yaml]\ncatalog: [catalog.yaml]\n")
	w.write("rules.yaml", strings.ReplaceAll(rules, "CONSUMER", consumer.URL))
	w.write("catalog.yaml", worldCatalog)
	cfg, err := config.Load(filepath.Join(w.dir, "config.yaml"))
	must(t, err)
	set, err := cfg.LoadRules()
	must(t, err)
	j, err := store.Open(cfg.DataDir, store.Options{})
	must(t, err)
	registry := prometheus.NewRegistry()
	archives, err := archiver.New(archiver.Options{Journal: j, Registerer: registry})
	must(t, err)
	archives.Set(set.Archives)
	w.router, err = router.New(router.Options{Journal: j, Trace: true, Registerer: registry, Stdout: io.Discard, Past: archives.Reader()}, set)
	must(t, err)
	w.router.Start()
	log, err := audit.New(j.Audit, zap.NewNop(), registry)
	must(t, err)
	log.Start()
	reloader := config.NewReloader(config.ReloaderOptions{Config: cfg, Set: set, Swap: w.router.Swap})
	taken := sources.NewSupervisor(sources.SupervisorOptions{Accepter: w.router, Registerer: registry, Paused: func(name string) *sources.Pause {
		if p := w.router.Pauses.OfSource(name); p != nil {
			return &sources.Pause{By: p.By, Since: p.Since}
		}
		return nil
	}})
	taken.Set(set.Sources)
	recorder := history.New(registry)
	recorder.Start()
	stopping, stop := context.WithCancel(context.Background())
	management := api.New(api.Options{Router: w.router, Store: j, Audit: log, History: recorder, Reloader: reloader, Gatherer: registry, Stopping: stopping, Archives: archives, Sources: taken,
		Diff: &diff.Store{Events: j.Events, Clock: time.Now, Workers: 1}})
	events := ingest.New(w.router, ingest.Options{
		Plan:    func(ctx context.Context, e *event.Event) (any, error) { return w.router.Plan(ctx, e) },
		Command: w.router.Commands.Command, Query: w.router.Commands.Query, Stopping: stopping,
	})
	set2, err := auth.NewKeys(keys)
	must(t, err)
	guard := ingest.NewGuard(set2, cfg.Hosts(), 0, log.Refused)
	w.setKeys = func(keys *auth.Keys) { guard.Set(keys, cfg.Hosts()) }
	guarded := guard.Guard(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if ingest.TakesEvents(r) {
			events.ServeHTTP(rw, r)
		} else {
			management.ServeHTTP(rw, r)
		}
	}))
	pages := console.New(console.Options{API: guarded, NeedsKey: guard.NeedsKey, Version: "1.0.0", Stopping: stopping})
	front := new(api.Front)
	front.Open(ingest.SameOrigin(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if console.Serves(r) {
			if r.Method == http.MethodPost {
				w.posted.Store(strings.TrimPrefix(r.URL.Path, console.Path), true)
			}
			pages.ServeHTTP(rw, r)
		} else {
			guarded.ServeHTTP(rw, r)
		}
	})), w.router.Ready)
	w.server = httptest.NewServer(front)
	key := ""
	if len(keys) > 0 {
		key = keys[0].Token
	}
	w.client = client.New(client.Options{URL: w.server.URL, HTTP: w.server.Client(), APIKey: key})
	t.Cleanup(func() {
		stop()
		w.server.Close()
		must(t, recorder.Stop(context.Background()))
		must(t, taken.Stop(context.Background()))
		must(t, archives.Stop(context.Background()))
		must(t, w.router.Stop(context.Background()))
		must(t, log.Stop(context.Background()))
		must(t, j.Close())
		consumer.Close()
	})
	return w
}

// consume is the targets' server.
func (w *world) consume(rw http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/billing", "/keyed":
		if w.down.Load() {
			http.Error(rw, "the ledger is closed", http.StatusServiceUnavailable)
		}
	case "/search":
		http.Error(rw, `{"error": "no field title"}`, http.StatusBadRequest)
	case "/payments":
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, `[{"source": "shop.payments", "detail-type": "PaymentMade", "detail": {"ok": true}}]`)
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	must(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// send sends an event and returns its id.
func (w *world) send(source, detailType, detail string) string {
	w.t.Helper()
	return w.envelope(fmt.Sprintf(`{"source": %q, "detail-type": %q, "detail": %s}`, source, detailType, detail))
}

// envelope sends an event as it is written, and returns its id.
func (w *world) envelope(text string) string {
	w.t.Helper()
	sent, err := w.client.Events.Send(context.Background(), []byte(text), client.SendOptions{})
	must(w.t, err)
	return sent.Events[0].ID
}

// order sends an order of a total.
func (w *world) order(n, total int) string {
	return w.send("shop.orders", "OrderCreated", fmt.Sprintf(`{"orderId": "%d", "total": %d, "paid": 0, "items": [{"sku": "A-%d", "count": %d}]}`, 6100+n, total, n*7, n%3+1))
}

// settled waits until nothing is under way but what partner's circuit keeps.
func (w *world) settled(dead uint64) {
	w.t.Helper()
	w.eventually("all deliveries but those to partner have ended", func() bool {
		for _, s := range w.router.Lanes.Targets() {
			if s.Name != "partner" && s.Pending() > 0 {
				return false
			}
		}
		return w.router.Accounts().Deliveries.Dead == dead
	})
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not in time: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
