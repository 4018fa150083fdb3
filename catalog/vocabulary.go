package catalog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"signalbox/spelling"
)

// Vocabulary counts the words of names, to find those that are misspelt. The zero value is
// empty.
type Vocabulary struct {
	counts map[string]int
	// initials are the words by their first byte, and found is what was found, since words
	// were last added.
	initials map[byte][]string
	found    map[string]string
}

// Add counts the words of a name, where it is in PascalCase.
func (v *Vocabulary) Add(name string) {
	if formOf(name) != pascalCase {
		return
	}
	if v.counts == nil {
		v.counts = map[string]int{}
	}
	for _, w := range wordsOf(name) {
		v.counts[strings.ToLower(w)]++
	}
	v.initials, v.found = nil, nil
}

// Misspelt returns the word of a name that looks like a slip for one that other names use
// more often, or for a verb; nil if none does.
func (v *Vocabulary) Misspelt(name string) *NameFault {
	if formOf(name) != pascalCase {
		return nil
	}
	words := wordsOf(name)
	for i, w := range words {
		if better := v.better(strings.ToLower(w)); better != "" {
			words[i] = title(better)
			return &NameFault{name, fmt.Sprintf("may be misspelt (%s)", w), strings.Join(words, "")}
		}
	}
	return nil
}

// The least lengths of words that are compared: shorter ones are too much alike.
const (
	shortestWord = 4
	shortestVerb = 6
)

// better is the word that a rare one may be a slip for.
func (v *Vocabulary) better(word string) string {
	if utf8.RuneCountInString(word) < shortestWord || verbs[word].participle != "" || participles[word] {
		return ""
	}
	if found, ok := v.found[word]; ok {
		return found
	}
	if v.initials == nil {
		v.initials, v.found = map[byte][]string{}, map[string]string{}
		for w := range v.counts {
			v.initials[w[0]] = append(v.initials[w[0]], w)
		}
	}
	v.found[word] = v.search(word)
	return v.found[word]
}

// search finds the word among those with the same first letter, which is seldom the wrong one.
func (v *Vocabulary) search(word string) string {
	best, most := "", v.counts[word]
	for _, other := range v.initials[word[0]] {
		if n := v.counts[other]; (n > most || n == most && n > v.counts[word] && other < best) && slipOf(word, other) {
			best, most = other, n
		}
	}
	if best != "" || len(word) < shortestVerb || isDerived(word) {
		return best
	}
	for other := range participles {
		if slipOf(word, other) && (best == "" || other < best) {
			best = other
		}
	}
	if best != "" {
		return best
	}
	for other := range verbs {
		if slipOf(word, other) && (best == "" || other < best) {
			best = other
		}
	}
	return best
}

// slipOf reports whether two words are one slip apart, and not as singular and plural.
func slipOf(word, other string) bool {
	return word != other && word[0] == other[0] && word+"s" != other && other+"s" != word && len(other) >= shortestWord &&
		spelling.Distance(word, other) == 1
}

// isDerived reports whether a word is made of a verb in a way that brings it near one:
// Shipper, Creator, Shipping, Delivery.
func isDerived(word string) bool {
	for _, end := range []string{"er", "or", "ing", "ion", "al", "s", "y"} {
		if strings.HasSuffix(word, end) {
			return true
		}
	}
	return false
}
