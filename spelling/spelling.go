// Package spelling proposes the names that were probably meant.
package spelling

import "strings"

// Suggest returns ` (did you mean "name"?)` for the known name that is nearest to
// what was written, or nothing if none is near.
func Suggest(written string, known []string) string {
	if name := Nearest(written, known); name != "" {
		return ` (did you mean "` + name + `"?)`
	}
	return ""
}

// Nearest returns the known name that is nearest to what was written, or nothing if
// none is near: of three letters one may be wrong. Case, hyphens and underscores do
// not count, so that detailType is detail-type.
func Nearest(written string, known []string) string {
	folded := Fold(written)
	best, least := "", 1+max(1, len(folded)/3)
	for _, name := range known {
		if d := Distance(folded, Fold(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// Fold makes the spellings of one name equal: detailType, detail_type and
// Detail-Type are all detailtype.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// maxCompared bounds the texts that are compared, in bytes.
const maxCompared = 64

// Distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment), in bytes. Texts beyond
// 64 bytes are not compared: all of the longer one counts.
func Distance(a, b string) int {
	if longer := max(len(a), len(b)); longer > maxCompared {
		return longer
	}
	var previous []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], previous[j-2]+1)
			}
		}
		previous, row = row, next
	}
	return row[len(b)]
}
