package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/config"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
)

// TestGovernance sends each event of the example to a real door.
func TestGovernance(t *testing.T) {
	door := governed(t)
	for _, test := range []struct {
		file, want string
		status     int
	}{
		{"bad-name.json", `InvalidName: detail-type: the type "OrderCreate" does not say that something has happened: did you mean "OrderCreated"?`, 400},
		{"schema-break.json", `SchemaViolation: detail.total: expected number, got string "12"`, 400},
		{"undeclared-producer.json", `SourceNotAllowed: source: "shop.marketing" may not send OrderCreated version 2; its sources are shop.orders`, 400},
		{"good.json", "", 200},
	} {
		status, got := send(t, door, filepath.Join("governance/events", test.file))
		fmt.Printf("%-25s %d %s\n", test.file, status, got)
		if status != test.status || got != test.want {
			t.Errorf("%s: got %d %s, want %d %s", test.file, status, got, test.status, test.want)
		}
	}
}

// governed serves ingest of the example's configuration.
func governed(t *testing.T) string {
	t.Helper()
	cfg, err := config.Load("governance/config/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := cfg.LoadRules()
	if err != nil {
		t.Fatal(err)
	}
	j, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := router.New(router.Options{Journal: j}, set)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	server := httptest.NewServer(ingest.New(r, ingest.Options{MaxBody: 1 << 20, MaxBatch: 10, MaxDepth: 100}))
	t.Cleanup(func() {
		server.Close()
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

func send(t *testing.T, url, path string) (status int, refusal string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url+"/v1/events?bus=shop", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Error *struct{ Code, Message string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if answer.Error == nil {
		return resp.StatusCode, ""
	}
	return resp.StatusCode, answer.Error.Code + ": " + answer.Error.Message
}

// TestGovernanceBroken loads the catalog whose second version breaks its promise.
func TestGovernanceBroken(t *testing.T) {
	cfg, err := config.Load("governance/broken/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cfg.LoadRules()
	for _, want := range []string{
		`catalog.yaml:11:5: type "OrderCreated": schema: is not backward compatible: data of version 1 can't be read by version 2: detail.currency: is required on one side`,
		`detail.total: can be number on one side, and must be string on the other`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
