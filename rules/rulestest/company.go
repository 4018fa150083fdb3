// Package rulestest writes rule files for benchmarks.
package rulestest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Company is the rules of a company: a target for each hundred, a condition of its own in
// every fifth, a body of its own in every fourth, events that come of every tenth, and types
// of events whose names are made of a hundred words.
type Company struct {
	// Dir is where the files lie, all of them *.yaml.
	Dir string
	// Rules is how many rules there are, Files in how many files.
	Rules, Files int
}

// Write writes all files.
func (c Company) Write(t testing.TB) {
	t.Helper()
	var targets strings.Builder
	targets.WriteString("targets:\n")
	for i := range c.targets() {
		fmt.Fprintf(&targets, "  service-%d: {type: http, url: \"http://127.0.0.1:9000/%d\", retry: {max_attempts: 5}}\n", i, i)
	}
	c.file(t, "targets.yaml", targets.String())
	for f := range c.Files {
		c.WriteFile(t, f, "")
	}
}

// WriteFile writes one of the files, with a mark in the descriptions of its rules.
func (c Company) WriteFile(t testing.TB, f int, mark string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := f; i < c.Rules; i += c.Files {
		c.rule(&text, i, mark)
	}
	c.file(t, fmt.Sprintf("rules-%04d.yaml", f), text.String())
}

func (c Company) targets() int { return max(1, c.Rules/100) }

func (c Company) rule(text *strings.Builder, i int, mark string) {
	second := typeName(i + 1)
	if i%20 == 5 {
		second = emitted(i)
	}
	fmt.Fprintf(text, `  - name: rule-%d
    description: Orders of region %d go to a service%s.
    pattern:
      source: [shop.region-%d]
      detail-type: [%s, %s]
      detail:
        customer: {id: [c-%d], tier: [gold, silver]}
        total: [{numeric: [">", %d]}]
`, i, i%50, mark, i%500, typeName(i), second, i, i%1000)
	if i%5 == 0 {
		fmt.Fprintf(text, "    when: detail.total > detail.paid + %d\n", i)
	}
	fmt.Fprintf(text, "    targets:\n      - target: service-%d\n", i%c.targets())
	if i%10 == 0 {
		fmt.Fprintf(text, "        emits: [%s]\n", emitted(i))
	}
	if i%4 == 0 {
		fmt.Fprintf(text, "        input_transformer: {input_paths_map: {id: $.detail.customer.id}, input_template: '{\"rule\": %d, \"customer\": <id>}'}\n", i)
	}
}

// typeName returns one of some thousand names of types.
func typeName(i int) string {
	return subjects[i%len(subjects)] + things[i/3%len(things)] + verbs[i/7%len(verbs)]
}

// emitted returns the name of a type that comes of others.
func emitted(i int) string {
	return subjects[i/5%len(subjects)] + things[i/11%len(things)] + "Archived"
}

var (
	subjects = strings.Fields(`Order Customer Invoice Shipment Payment Refund Article Warehouse Supplier Contract Ticket Account Delivery
		Voucher Campaign Newsletter Employee Vehicle Machine Sensor Meter Tariff Booking Flight Hotel Room Course Student Exam Claim`)
	things = strings.Fields(`Line Item Address Status Price Balance Document Label Note Batch Limit Group Owner Profile Reading Option
		Route Slot Quota Plan Schedule Version Template Channel Region Branch Partner Category Discount Review`)
	verbs = strings.Fields(`Created Changed Deleted Approved Rejected Sent Received Cancelled Confirmed Expired Paid Opened Closed Moved`)
)

func (c Company) file(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
