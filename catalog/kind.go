package catalog

import (
	"strings"

	"signalbox/event"
)

// Kind returns of which kind a message is: what the catalog declares for its type,
// else what its metadata says, else what its name tells. ByName says that it is a
// command or a query by its name alone, and that the naming standard makes none of
// such a name.
func (c *Catalog) Kind(e *event.Event) (kind event.Kind, byName bool) {
	if t, ok := c.Type(e.DetailType, ""); ok && !t.inferred {
		return t.Kind, false
	}
	if e.Meta.Kind != "" && !e.Meta.KindByName {
		return e.Meta.Kind, false
	}
	kind = KindOfName(e.DetailType)
	return kind, kind != event.KindEvent && !c.commandsByName()
}

// SetKind sets the kind of a message, as Kind returns it.
func (c *Catalog) SetKind(e *event.Event) { e.Meta.Kind, e.Meta.KindByName = c.Kind(e) }

// Asks reports whether messages of a type are commands or queries, which have one
// handler.
func (c *Catalog) Asks(t *Type) bool {
	return (t.Kind == event.KindCommand || t.Kind == event.KindQuery) && (!t.inferred || c.commandsByName())
}

func (c *Catalog) commandsByName() bool { return c != nil && c.Naming.Commands == ByName }

// KindOfName returns the kind that the name of a type tells, which is a hint. A word
// that ends the name and tells of something past makes it an event; Command and
// Query at its end, and an imperative verb at its beginning, say what they mean. All
// else is an event. It allocates nothing.
//
// In a name in reverse-DNS form the last part before the version counts.
func KindOfName(name string) event.Kind {
	form := formOf(name)
	if form == otherForm {
		return event.KindEvent
	}
	subject := name
	if form == reverseDNS {
		subject = action(name)
	}
	first, last := ends(subject)
	switch {
	case isParticiple(last):
		return event.KindEvent
	case equalFold(last, "command"):
		return event.KindCommand
	case equalFold(last, "query"):
		return event.KindQuery
	case form != reverseDNS && first == last:
		return event.KindEvent // one word: a verb, or a noun that looks like one
	}
	switch verb := verbOf(first); {
	case verb.participle == "":
		return event.KindEvent
	case verb.asks:
		return event.KindQuery
	default:
		return event.KindCommand
	}
}

// nameForm is how a type's name is written.
type nameForm uint8

const (
	otherForm  nameForm = iota // such as those of AWS's own services, with spaces
	pascalCase                 // OrderCreated, and orderQuery
	reverseDNS                 // com.example.ticket.created.v1
)

// formOf returns the form of a name.
func formOf(name string) nameForm {
	dots, lower := 0, true
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			dots++
		case c >= 'A' && c <= 'Z':
			lower = false
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && i > 0:
		case (c == '-' || c == '_') && dots > 0:
		default:
			return otherForm
		}
	}
	switch {
	case dots == 0 && name != "":
		return pascalCase
	case dots >= 2 && lower && !strings.Contains(name, "..") && name[0] != '.' && name[len(name)-1] != '.':
		return reverseDNS
	}
	return otherForm
}

// action is the part of a reverse-DNS name that says what has happened, or is to.
func action(name string) string {
	at := strings.LastIndexByte(name, '.')
	if isVersion(name[at+1:]) {
		name = name[:at]
		at = strings.LastIndexByte(name, '.')
	}
	return name[at+1:]
}

// isVersion reports whether a part of a name is a version, such as v1.
func isVersion(part string) bool {
	return len(part) > 1 && part[0] == 'v' && strings.Trim(part[1:], "0123456789") == ""
}

// ends returns the first and the last word of a name.
func ends(name string) (first, last string) {
	first, last = name, name
	for i := 1; i < len(name); i++ {
		if starts(name, i) {
			first = name[:i]
			break
		}
	}
	for i := len(name) - 1; i > 0; i-- {
		if starts(name, i) {
			last = name[i:]
			break
		}
	}
	return strings.TrimRight(first, "-_"), strings.TrimLeft(last, "-_")
}

// starts reports whether a word begins at i: OrderCreated, orderHTTPQuery, order-created.
func starts(name string, i int) bool {
	switch {
	case name[i] == '-' || name[i] == '_':
		return true
	case !isUpper(name[i]):
		return false
	}
	return !isUpper(name[i-1]) || i+1 < len(name) && !isUpper(name[i+1]) && name[i+1] != '-' && name[i+1] != '_'
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// longestWord is the longest word that is looked up; no verb here is longer.
const longestWord = 24

// verbOf looks a word up among the verbs, whatever its case.
func verbOf(word string) verb {
	var buf [longestWord]byte
	lower := appendLower(buf[:0], word)
	return verbs[string(lower)]
}

// isParticiple reports whether a word is a past participle, or one of the adjectives
// of the status pairs that stand for one.
func isParticiple(word string) bool {
	var buf [longestWord]byte
	lower := appendLower(buf[:0], word)
	if participles[string(lower)] {
		return true
	}
	n := len(lower)
	return n > 4 && lower[n-2] == 'e' && lower[n-1] == 'd' && lower[n-3] != 'e' && !nouns[string(lower)]
}

// appendLower appends a word in lower case. It returns nothing for one that is too long to be
// a verb.
func appendLower(dst []byte, word string) []byte {
	if len(word) > longestWord {
		return dst
	}
	for i := range len(word) {
		c := word[i]
		if isUpper(c) {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
