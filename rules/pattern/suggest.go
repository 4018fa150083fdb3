package pattern

import "strings"

// suggest is a hint with the name that was probably meant, or "".
func suggest(name string, names []string) string {
	best, nearest := "", len(name)/2+1
	for _, candidate := range names {
		if d := distance(strings.ToLower(name), candidate); d < nearest {
			best, nearest = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// distance is Levenshtein's: how many letters must change, come or go.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
