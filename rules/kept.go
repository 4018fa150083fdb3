package rules

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"signalbox/document"
)

// part is one document while a Set is built.
type part struct {
	document Document
	noFile   bool
	// makesTargets is Documents.MakeTargets.
	makesTargets bool
	contents     contents
	file         File
	// warnings are those of the document and of its rules.
	warnings []*document.Problem
	// later means that the document has not been read, and contains nothing but rules.
	later bool
	// kept is what its rules came to when they were built last; nil where that is not known.
	kept *kept
	// built is what its rules have come to now.
	built *kept
	// ahead is the document as it is read by another goroutine; nil where it is not.
	ahead chan *docReading
}

// docReading is a document that has been read, with reports of its own.
type docReading struct {
	*fileReader
	root *document.Node
}

// reading reads the document.
func (p *part) reading() *docReading {
	var r *docReading
	if p.ahead != nil {
		r = <-p.ahead
		p.ahead = nil
	} else {
		r = newReading(p)
	}
	p.contents = r.contents
	p.file = File{Path: p.document.Path, Rules: len(r.rules), attached: len(r.attached), Targets: len(r.targets), Buses: len(r.buses), Hooks: len(r.hooks), Connections: len(r.connections), Sources: len(r.sources), Archives: len(r.archives)}
	return r
}

// newReading reads a document.
func newReading(p *part) *docReading {
	d := p.document
	r := &docReading{fileReader: &fileReader{report: newReport()}}
	r.path, r.noFile, r.makesTargets = d.Path, p.noFile, p.makesTargets
	var err error
	if r.root, err = document.Parse(d.Path, d.Text); err != nil {
		r.problems.AddError(d.Path, err)
		return r
	}
	switch {
	case r.root == nil:
	case strings.EqualFold(filepath.Ext(d.Path), ".json"):
		r.json(r.root)
	default:
		r.file(r.root)
	}
	for _, d := range r.rules {
		d.parse()
	}
	return r
}

// onlyRules reports whether a document certainly holds nothing but rules: it is a block
// mapping whose lines begin with a space, with an item of a list, or with rules:.
func onlyRules(d Document) bool {
	if strings.EqualFold(filepath.Ext(d.Path), ".json") {
		return false
	}
	begun := false
	for line := range bytes.Lines(d.Text) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case bytes.HasPrefix(line, []byte("rules:")):
			begun = true
		case len(bytes.TrimSpace(line)) == 0, line[0] == '#':
		case !begun:
			return false
		case line[0] == ' ', bytes.HasPrefix(line, []byte("- ")):
		default:
			return false
		}
	}
	return begun
}

// ahead reads documents in other goroutines, a few before their turn.
type ahead struct {
	parts []*part
	next  int
	wait  sync.WaitGroup
}

// from begins to read the documents behind the n-th.
func (a *ahead) from(n int) {
	for most := n + 2*runtime.GOMAXPROCS(0); a.next < len(a.parts) && a.next < most; a.next++ {
		p := a.parts[a.next]
		if !p.later {
			continue
		}
		p.ahead = make(chan *docReading, 1)
		a.wait.Go(func() { p.ahead <- newReading(p) })
	}
}

// kept is what the rules of a document have come to, for as long as neither the document nor
// what they depend on changes.
type kept struct {
	text digest // of the document
	// document is the text itself, of one that does not come from a file: it is in memory anyway.
	document []byte
	contents contents // without the rules
	file     File
	rules    []keptRule
	warnings []*document.Problem
	names    *partNames
}

// keptRule is a rule, its part of the revision, and how its entries name their targets.
type keptRule struct {
	rule   *Rule
	digest digest
	// names are nil where each entry names its targets by their names.
	names []entryNames
}

// entryNames are how an entry names its target, and that of its dead letters, which is not set for none.
type entryNames struct{ target, letters targetName }

// targetName is how an entry names its target.
type targetName struct {
	written, arn string
	// makes is what the entry makes a target of, where none has the ARN; else it is not set.
	makes Made
}

// targetNames returns how the entries of a rule name their targets, as keptRule has it.
func targetNames(d *draft, r *Rule) (names []entryNames) {
	plain := true
	for i := range d.Targets {
		t := &d.Targets[i]
		names = append(names, t.named())
		plain = plain && t.ARN == "" && t.Target.Value == r.Targets[i].Target && t.DeadLetter.Value == r.Targets[i].DeadLetter
	}
	if plain {
		return nil
	}
	return names
}

// entry returns how an entry names its targets.
func (k *keptRule) entry(i int) entryNames {
	if k.names == nil {
		t := &k.rule.Targets[i]
		return entryNames{targetName{written: t.Target}, targetName{written: t.DeadLetter}}
	}
	return k.names[i]
}

// keep returns what can be kept of a Set without faults, by the paths of documents. Where
// documents add targets to the rules of others, nothing can.
func keep(parts []*part) map[string]*kept {
	all := make(map[string]*kept, len(parts))
	for _, p := range parts {
		if len(p.contents.attached) > 0 {
			return nil
		}
		if p.built != nil {
			all[p.document.Path] = p.built
		}
	}
	return all
}

// keptOf returns what a Set keeps of a document; nil where that has changed.
func (s *Set) keptOf(d Document) *kept {
	if s == nil {
		return nil
	}
	k := s.kept[d.Path]
	if k == nil || !sameMemory(k.document, d.Text) && k.text != sha256.Sum256(d.Text) {
		return nil
	}
	return k
}

// sameMemory reports whether two texts, which nobody changes, are one.
func sameMemory(a, b []byte) bool {
	return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
}

// fits reports whether rules that were kept mean what they did: their buses are there, and
// their targets are the same.
func (b *builder) fits(k *kept, known *Set, targets *targetBuilder) bool {
	for i := range k.rules {
		r := &k.rules[i]
		if _, ok := b.set.Buses[r.rule.Bus]; !ok {
			return false
		}
		for j := range r.rule.Targets {
			n, t := r.entry(j), &r.rule.Targets[j]
			name, ok := targets.find(n.target)
			if !ok || name != t.Target || !targets.same(name, known) {
				return false
			}
			if n.letters.written == "" {
				continue
			}
			name, ok = targets.find(n.letters)
			if ok != (t.DeadLetter != "") || ok && (name != t.DeadLetter || !targets.same(name, known)) {
				return false
			}
		}
	}
	return true
}
