package main

import (
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// paymentsDir is a directory with two rules, the second of which takes what the
// first says that it emits.
func paymentsDir(t *testing.T) (dir, config string) {
	dir = t.TempDir()
	config = write(t, dir, "config.yaml", "rules: [rules.yaml]\ncatalog: [types.yaml]\n")
	write(t, dir, "rules.yaml", `targets:
  payments: {type: log}
  stock: {type: log}
rules:
  - name: pay
    description: money first
    pattern: {source: [shop], detail-type: [OrderCreated]}
    targets: [{id: MakePayment, target: payments, emits: [PaymentMade]}]
  - name: pick
    pattern: {detail-type: [PaymentMade]}
    targets: [{id: PickItem, target: stock}]
`)
	write(t, dir, "types.yaml", `types:
  - {name: OrderCreated, kind: event, version: "1", owner: shop, sources: [shop], schema: {type: object}}
  - {name: PaymentMade, kind: event}
`)
	return dir, config
}

const paymentsTable = `| API (sync) | Input Events             | Service  | Action      | Output Events | Notes       |
| ---------- | ------------------------ | -------- | ----------- | ------------- | ----------- |
|            | OrderCreated (from shop) | payments | MakePayment | PaymentMade   | money first |
|            | PaymentMade              | stock    | PickItem    |               |             |
`

func TestTable(t *testing.T) {
	dir, config := paymentsDir(t)
	o := signalbox(t, "table", "--config", config)
	o.want(t, cli.ExitOK, paymentsTable, "")
	signalbox(t, "table", "--config", config, "-o", "csv").want(t, cli.ExitOK, "OrderCreated (from shop),payments,MakePayment,PaymentMade,money first\n", "")
	signalbox(t, "table", "--config", config, "-o", "html").want(t, cli.ExitOK, "<td>MakePayment</td>", "")
	signalbox(t, "table", "--config", config, "-o", "yaml").want(t, cli.ExitUsage, "", "none of markdown, csv, html, json")

	written := write(t, dir, "table.md", o.stdout)
	signalbox(t, "table", "--config", config, "--check", written).want(t, cli.ExitOK, "says what the rules do, in 2 rows", "")
	stale := write(t, dir, "stale.md", strings.ReplaceAll(o.stdout, "PaymentMade   | money", "PaymentDone   | money"))
	signalbox(t, "table", "--config", config, "--check", stale).want(t, cli.ExitError, "stale.md:3: ", "")
	signalbox(t, "table", "--config", config, "--check", write(t, dir, "none.md", "no table\n")).want(t, cli.ExitError, "", "none.md: ")
	signalbox(t, "table", "--config", config, "--check", dir+"/nowhere.md").want(t, cli.ExitError, "", "nowhere.md: no such file")
}

func TestGraphInItsForms(t *testing.T) {
	_, config := paymentsDir(t)
	for form, want := range map[string]string{"svg": "<svg ", "dot": "digraph", "mermaid": "flowchart"} {
		o := signalbox(t, "graph", "--config", config, "-o", form)
		o.want(t, cli.ExitOK, want, "")
		o.want(t, cli.ExitOK, "PaymentMade", "")
	}
	signalbox(t, "graph", "--config", config, "-o", "png").want(t, cli.ExitUsage, "", "none of svg, dot, mermaid")
}

func TestCatalogCommands(t *testing.T) {
	dir, config := paymentsDir(t)
	list := signalbox(t, "catalog", "list", "--config", config)
	list.want(t, cli.ExitOK, "TYPE          KIND   VERSION  OWNER  SOURCES  SCHEMA\nOrderCreated  event  1        shop   shop     yes\n", "")
	list.want(t, cli.ExitOK, "PaymentMade   event  -        -      -        no\n", "")
	signalbox(t, "catalog", "list", "--config", config, "-o", "json").want(t, cli.ExitOK, `"name": "OrderCreated"`, "")
	signalbox(t, "catalog", "show", "--config", config, "OrderCreated").want(t, cli.ExitOK, `"owner": "shop"`, "")
	signalbox(t, "catalog", "show", "--config", config, "OrderCreated", "--version", "1").want(t, cli.ExitOK, `"version": "1"`, "")
	signalbox(t, "catalog", "show", "--config", config, "OrderCreated", "--version", "2").want(t, cli.ExitError, "", `type "OrderCreated" has no version "2"`)
	signalbox(t, "catalog", "show", "--config", config, "OrderCreatd").want(t, cli.ExitError, "", `no type "OrderCreatd" is declared (did you mean "OrderCreated"?)`)
	write(t, dir, "folded.yaml", "types: [{name: AddressChanged, kind: event, object: order, key: detail.orderId, fold: merge}]\n")
	folded := write(t, dir, "folding.yaml", "rules: [rules.yaml]\ncatalog: [folded.yaml]\n")
	signalbox(t, "catalog", "show", "--config", folded, "AddressChanged").want(t, cli.ExitOK, `"fold": "merge"`, "")
	bare := write(t, dir, "bare.yaml", "rules: [rules.yaml]\n")
	signalbox(t, "catalog", "list", "--config", bare).want(t, cli.ExitOK, "", "no types are declared")
}
