package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var row = regexp.MustCompile(`(?m)^\| (.+?) \| (RDS-EVENT-\d+) \| (.+?) \| (.+?) \|$`)

// Every message of the README's table goes where the table says, and nowhere else.
func TestTable(t *testing.T) {
	t.Setenv("RECEIVER_URL", "") // run sets it
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), ".", &out); err != nil {
		t.Fatal(err)
	}
	rows := row.FindAllStringSubmatch(string(readme), -1)
	if len(rows) != 15 {
		t.Fatalf("the table has %d rows, want 15", len(rows))
	}
	for _, r := range rows {
		t.Run(r[2], func(t *testing.T) {
			got := gets(out.String(), r[3])
			if want := strings.Split(r[4], ", "); !slices.Equal(got, want) {
				t.Errorf("%s went to %q, want %q", r[1], got, want)
			}
		})
	}
	if got := gets(out.String(), "RDS modified endpoint"); !slices.Equal(got, []string{"unexpected"}) {
		t.Errorf("the proxy's went to %q", got)
	}
	if n := strings.Count(out.String(), "\n  "); n != 18 {
		t.Errorf("%d deliveries, want 18:\n%s", n, out.String())
	}
}

// gets returns the targets that got a message.
func gets(printed, message string) (targets []string) {
	for _, part := range strings.Split(printed, "\n\n") {
		if target, got, _ := strings.Cut(strings.TrimSpace(part), "\n"); strings.Contains(got, message) {
			targets = append(targets, target)
		}
	}
	return targets
}
