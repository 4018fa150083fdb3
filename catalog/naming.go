package catalog

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/event"
	"signalbox/spelling"
)

// Mode is how strictly events are checked on arrival.
type Mode string

// The modes. The zero value is Off.
const (
	// Off looks at nothing.
	Off Mode = "off"
	// Warn lets all in, and counts what breaks the standard.
	Warn Mode = "warn"
	// Reject refuses what breaks the standard.
	Reject Mode = "reject"
)

// UnmarshalText reads a mode.
func (m *Mode) UnmarshalText(text []byte) error {
	modes := []string{string(Off), string(Warn), string(Reject)}
	if !slices.Contains(modes, string(text)) {
		return fmt.Errorf("unknown mode %q%s; the modes are off, warn and reject", text, spelling.Suggest(string(text), modes))
	}
	*m = Mode(text)
	return nil
}

// On reports whether events are checked at all.
func (m Mode) On() bool { return m == Warn || m == Reject }

// Style is the form that names must have.
type Style string

// The styles.
const (
	// AnyStyle takes both forms, and leaves names of other forms alone.
	AnyStyle Style = "any"
	// Pascal is OrderCreated.
	Pascal Style = "pascal"
	// ReverseDNS is com.example.ticket.created.v1.
	ReverseDNS Style = "reverse-dns"
)

// UnmarshalText reads a style.
func (s *Style) UnmarshalText(text []byte) error {
	styles := []string{string(AnyStyle), string(Pascal), string(ReverseDNS)}
	if !slices.Contains(styles, string(text)) {
		return fmt.Errorf("unknown style %q%s; the styles are any, pascal and reverse-dns", text, spelling.Suggest(string(text), styles))
	}
	*s = Style(text)
	return nil
}

// Naming is the standard that names of types are held against: an event is named by
// what has happened, a command by what is to be done.
type Naming struct {
	// Style is the form that names must have: OrderCreated, or com.example.order.created.v1. With any,
	// both are taken, and names of other forms are left alone.
	Style Style `yaml:"style" enum:"any|pascal|reverse-dns"`
	// Verbs are further verbs and their past participles.
	Verbs map[string]string `yaml:"verbs" example:"{Onboard: Onboarded}"`
	// Exceptions are names, or beginnings of names with a * behind them, that are
	// left alone.
	Exceptions []string `yaml:"exceptions" example:"[legacy.*]"`
	// OnArrival is what becomes of events whose names break the standard.
	OnArrival Mode `yaml:"on_arrival|at_door" enum:"off|warn|reject"`
	// Commands is what makes a message a command or a query: its declaration in the catalog, its
	// metadata or the way in (/v1/commands); or its name too.
	Commands Commands `yaml:"commands" enum:"declared|by_name"`
}

// Commands is what makes a message a command or a query, which exactly one target handles.
type Commands string

const (
	// Declared makes those that the catalog, the message's metadata or the way in
	// (/v1/commands) declares; it is the default.
	Declared Commands = "declared"
	// ByName makes those too whose names read like one.
	ByName Commands = "by_name"
)

// UnmarshalText reads what makes commands.
func (c *Commands) UnmarshalText(text []byte) error {
	all := []string{string(Declared), string(ByName)}
	if !slices.Contains(all, string(text)) {
		return fmt.Errorf("%q does not make commands%s; declared and by_name do", text, spelling.Suggest(string(text), all))
	}
	*c = Commands(text)
	return nil
}

// DefaultNaming is the standard where nobody asks for another.
func DefaultNaming() *Naming { return &Naming{Style: AnyStyle, OnArrival: Off, Commands: Declared} }

// NameFault is what the standard has against a name.
type NameFault struct {
	Name string
	// Reason is which rule the name breaks.
	Reason string
	// Proposal is a name that does not; empty if none can be made.
	Proposal string
}

// String returns the reason, and the name that is proposed.
func (f *NameFault) String() string {
	if f.Proposal == "" {
		return fmt.Sprintf("the type %q %s", f.Name, f.Reason)
	}
	return fmt.Sprintf("the type %q %s: did you mean %q?", f.Name, f.Reason, f.Proposal)
}

// Fault returns what is wrong with the name of a type of a kind by the standard; nil if
// nothing is. Where nobody has declared the kind it is empty, and only names that are
// slips whatever they mean are faulted.
func (n *Naming) Fault(name string, declared event.Kind) *NameFault {
	if n.excepted(name) {
		return nil
	}
	form := formOf(name)
	if fault := n.style(name, form); fault != nil {
		return fault
	}
	switch form {
	case pascalCase:
		return n.words(name, declared)
	case reverseDNS:
		if !isVersion(name[strings.LastIndexByte(name, '.')+1:]) {
			return &NameFault{name, "has no version", name + ".v1"}
		}
		return n.action(name, declared)
	}
	return nil
}

func (n *Naming) excepted(name string) bool {
	return slices.ContainsFunc(n.Exceptions, func(x string) bool {
		prefix, open := strings.CutSuffix(x, "*")
		return x == name || open && strings.HasPrefix(name, prefix)
	})
}

// style returns what is wrong with the form of a name; nil if it has the one that is asked for.
func (n *Naming) style(name string, form nameForm) *NameFault {
	switch {
	case n.Style == Pascal && form != pascalCase:
		return &NameFault{name, "is not in PascalCase", pascalOf(name, form)}
	case n.Style == ReverseDNS && form != reverseDNS:
		return &NameFault{Name: name, Reason: "is not in reverse-DNS form with a version, such as com.example.ticket.created.v1"}
	}
	return nil
}

// pascalOf makes PascalCase of the last two parts of a reverse-DNS name, or of the
// words of any other.
func pascalOf(name string, form nameForm) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" ._-:/", r) })
	if form == reverseDNS {
		if isVersion(parts[len(parts)-1]) {
			parts = parts[:len(parts)-1]
		}
		parts = parts[max(0, len(parts)-2):]
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(title(p))
	}
	if formOf(b.String()) != pascalCase {
		return ""
	}
	return b.String()
}

// words judges a name in PascalCase by its first and last word.
func (n *Naming) words(name string, declared event.Kind) *NameFault {
	first, last := ends(name)
	one := first == last && len(first) == len(name)
	rest, before := name[len(first):], name[:len(name)-len(last)]
	switch n.kind(name, declared) {
	case event.KindEvent:
		switch {
		case n.past(last):
			return nil
		case !one && n.participle(last) != "":
			return &NameFault{name, "does not say that something has happened", before + title(n.participle(last))}
		case declared == "":
			return nil
		case !one && n.participle(first) != "":
			return &NameFault{name, "is named as a command is, and declared to be an event", rest + title(n.participle(first))}
		}
		return &NameFault{Name: name, Reason: "does not end in what has happened, a past participle such as Created"}
	case event.KindCommand:
		switch {
		case equalFold(last, "command"), !one && n.participle(first) != "" && !n.past(last):
			return nil
		case !one && n.base(last) != "":
			return &NameFault{name, "is named as an event is, and declared to be a command", title(n.base(last)) + before}
		case !one && n.participle(last) != "":
			return &NameFault{name, "does not begin with what is to be done", title(last) + before}
		}
		return &NameFault{Name: name, Reason: "does not begin with what is to be done, an imperative verb such as Create"}
	}
	return nil
}

// action judges a name in reverse-DNS form by its part before the version.
func (n *Naming) action(name string, declared event.Kind) *NameFault {
	word := action(name)
	_, last := ends(word)
	with := func(better string) string {
		at := strings.LastIndex(name, word)
		return name[:at] + word[:len(word)-len(last)] + better + name[at+len(word):]
	}
	switch {
	case declared == event.KindEvent && !n.past(last) && n.participle(last) != "":
		return &NameFault{name, "does not say that something has happened", with(n.participle(last))}
	case declared == event.KindCommand && n.base(last) != "":
		return &NameFault{name, "is named as an event is, and declared to be a command", with(n.base(last))}
	}
	return nil
}

// kind is the declared kind, or what the name tells.
func (n *Naming) kind(name string, declared event.Kind) event.Kind {
	if declared != "" {
		return declared
	}
	return KindOfName(name)
}

// participle returns the past participle of a verb; empty for other words.
func (n *Naming) participle(word string) string {
	word = strings.ToLower(word)
	for v, p := range n.Verbs {
		if strings.ToLower(v) == word {
			return strings.ToLower(p)
		}
	}
	return verbs[word].participle
}

// past reports whether a word means something past.
func (n *Naming) past(word string) bool {
	if isParticiple(word) {
		return true
	}
	for _, p := range n.Verbs {
		if equalFold(p, word) {
			return true
		}
	}
	return false
}

// base returns the verb of a participle; empty for other words.
func (n *Naming) base(word string) string {
	word = strings.ToLower(word)
	best := ""
	for v, p := range n.Verbs {
		if strings.ToLower(p) == word && (best == "" || v < best) {
			best = strings.ToLower(v)
		}
	}
	for v, known := range verbs {
		if known.participle == word && v != word && (best == "" || v < best) {
			best = v
		}
	}
	return best
}

func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// names warns of the declared names that break the standard.
func (l *loader) names() {
	for _, t := range l.cat.Types {
		if fault := l.cat.Naming.Fault(t.Name, t.Kind); fault != nil {
			l.warnings.Add(t.Pos, document.In(fmt.Sprintf("type %q", t.Name)).Key("name"), "%s", fault)
		}
	}
}

// wordsOf takes a PascalCase name apart.
func wordsOf(name string) []string {
	var words []string
	begin := 0
	for i := 1; i < len(name); i++ {
		if starts(name, i) {
			words = append(words, name[begin:i])
			begin = i
		}
	}
	return append(words, name[begin:])
}

// Misspelt is Vocabulary.Misspelt for names that are no exceptions.
func (n *Naming) Misspelt(v *Vocabulary, name string) *NameFault {
	if n.excepted(name) {
		return nil
	}
	return v.Misspelt(name)
}

// Fingerprint is all that the standard says.
func (n *Naming) Fingerprint() string {
	return fmt.Sprint(n.Style, n.Verbs, n.Exceptions, n.OnArrival, n.Commands)
}
