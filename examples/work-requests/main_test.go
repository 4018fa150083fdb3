package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// The program itself fails where a step does not come; this looks at the states.
func TestAllStates(t *testing.T) {
	t.Setenv("BDS_URL", "") // run sets it
	var out bytes.Buffer
	if err := run(t.Context(), "bds.yaml", 20*time.Millisecond, &out); err != nil {
		t.Fatalf("%v after\n%s", err, out.String())
	}
	for _, want := range []string{
		"answered 422", "the handler refused it", "SUCCEEDED   100 %", "bds-instance: bds-sales",
		"FAILED", "error: no room for node 2", "CANCELING", "CANCELED", "once more: it has ended", `{"instances": 1}`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
