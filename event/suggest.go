package event

import "strings"

// suggest proposes the known name that is nearest to a wrong one, as the end of
// an error text. It proposes none where none is near.
func suggest(wrong string, known []string) string {
	best, distance := "", min(3, 1+len(fold(wrong))/2)
	for _, name := range known {
		if d := editDistance(fold(wrong), fold(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return ` (did you mean "` + best + `"?)`
}

// fold makes the spellings of one name equal: detailType, detail_type and
// Detail-Type are all detailtype.
func fold(name string) string {
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

// editDistance is Levenshtein's, or 99 for names too unlike in length to be
// worth the work.
func editDistance(a, b string) int {
	if len(a) > len(b)+3 || len(b) > len(a)+3 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
