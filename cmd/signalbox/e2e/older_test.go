package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAStoreOfVersion3 goes on with a store that an older program wrote: two orders, one sent twice
// and one that died, and two audits of a customer. All of it is there, what is new since then works
// on it, and it verifies.
func TestAStoreOfVersion3(t *testing.T) {
	p := newProcess(t, `
targets:
  console: {type: log, to: stdout}
  down: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 1}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [console]}
  - {name: fails, pattern: {detail-type: [OrderLost]}, targets: [down]}
`)
	archive, err := os.Open("testdata/store-version-3.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unpack := exec.Command("tar", "-xz", "-C", p.dir)
	unpack.Stdin = archive
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.write("config.yaml", p.read("config.yaml")+"catalog: [catalog.yaml]\nretention: {max_age: 36500d}\n")
	p.write("catalog.yaml", "types: [{name: Customer, kind: audit}]\n")
	p.start()
	says := func(want string, args ...string) {
		t.Helper()
		if out, err := p.command(args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v: want %q in\n%s", args, err, want, out)
		}
	}
	send := func(event string) {
		t.Helper()
		resp, err := p.do(http.DefaultClient, http.MethodPost, "/v1/events", []byte(event), "Content-Type", "application/json")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		resp.Body.Close()
	}
	says("o-1", "events", "--outcome", "delivered")
	says("o-2", "dlq", "list")
	says(`{"id":"ada","tier":"gold"}`, "state", "get", "Customer", "ada")
	send(`{"id":"c-3","source":"crm","detail-type":"Customer","detail":{"id":"ada","tier":"platinum"}}`)
	says(`"tier":"platinum"`, "state", "get", "Customer", "ada")
	says("are not known: signalbox state rebuild Customer", "state", "get", "Customer", "ada", "--history")
	says("no events", "events", "--outcome", "duplicate") // the older program did not count them one by one
	send(`{"id":"o-3","source":"shop.orders","detail-type":"OrderCreated","detail":{"orderId":"3"}}`)
	send(`{"id":"o-3","source":"shop.orders","detail-type":"OrderCreated","detail":{"orderId":"3"}}`)
	p.eventually(10*time.Second, "counted", func() bool {
		out, err := p.command("events", "--outcome", "duplicate")
		return err == nil && strings.Contains(out, "came 2 times")
	})
	says("finished", "state", "rebuild", "Customer")
	says(`"tier":"silver"`, "state", "get", "Customer", "ada", "--history")
	says("in 3 deliveries", "replay", "--since", "oldest", "--target", "console", "--dry-run")
	p.verify()
}
