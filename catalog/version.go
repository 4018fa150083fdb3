package catalog

import (
	"cmp"
	"strconv"
	"strings"
)

// dotted reports whether a version is numbers with dots between them.
func dotted(version string) bool {
	for part := range strings.SplitSeq(version, ".") {
		if _, err := strconv.ParseUint(part, 10, 32); err != nil {
			return false
		}
	}
	return true
}

// compareVersions orders versions by their numbers: 2 before 10, 1 before 1.1, and
// none before all.
func compareVersions(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.ParseUint(as[i], 10, 64)
		y, _ := strconv.ParseUint(bs[i], 10, 64)
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}
