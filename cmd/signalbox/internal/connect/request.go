package connect

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"signalbox/targets"
)

// PrintRequest shows what is sent to a target.
func PrintRequest(w io.Writer, r *targets.Request) {
	fmt.Fprintf(w, "  %s %s\n", r.Method, r.Address)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(w, "  %s: %s\n", name, r.Headers[name])
	}
	if r.Body != "" {
		fmt.Fprintf(w, "\n  %s\n", strings.ReplaceAll(strings.TrimRight(r.Body, "\n"), "\n", "\n  "))
	}
}
