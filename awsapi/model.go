package awsapi

import (
	_ "embed"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// modelText is what the public service model of EventBridge (2015-10-07) says of the inputs of all
// operations. A line at the margin is an operation, or a structure where it begins with a dot; the
// lines below it are its members in the model's order: the name, with a star where it is required,
// the type, the bounds and the pattern. The values of an enum stand in the order in which AWS names
// them, where that was recorded.
//
//go:embed model.txt
var modelText string

// kind is what a value is in JSON.
type kind int

const (
	structure kind = iota
	list
	mapping
	text
	enum
	integer
	boolean
	timestamp
)

// shape is what the model allows a value to be.
type shape struct {
	kind kind
	name string // of a structure
	// bounded says that min bounds the length of a text, a list or a map, or the value of a number, and
	// max too, unless it is negative.
	bounded  bool
	min, max int
	// secret values are not shown.
	secret  bool
	pattern *expression
	values  []string // of an enum
	members []member // of a structure
	// key is of a mapping, element of that and of a list.
	key, element *shape
}

type member struct {
	name     string
	required bool
	*shape
}

// expression is a regular expression that a text must match as a whole.
type expression struct {
	source string
	whole  *regexp.Regexp
	// bus means that it is of a bus by its name or ARN.
	bus bool
}

// model has the inputs of operations by their names.
var model = sync.OnceValue(func() map[string]*shape {
	r := modelReader{operations: map[string]*shape{}, structures: map[string]*shape{}}
	r.read(modelText)
	return r.operations
})

type modelReader struct{ operations, structures map[string]*shape }

func (r *modelReader) read(all string) {
	var owner *shape
	for line := range strings.Lines(all) {
		line = strings.TrimSuffix(line, "\n")
		name, isMember := strings.CutPrefix(line, " ")
		switch {
		case isMember:
			name, spec, _ := strings.Cut(name, " ")
			name, required := strings.CutSuffix(name, "*")
			owner.members = append(owner.members, member{name, required, r.shape(spec)})
		case strings.HasPrefix(line, "."):
			owner = r.structure(line[1:])
		default:
			owner = &shape{name: line + "Request"}
			r.operations[line] = owner
		}
	}
}

// structure returns a structure, which may be read later.
func (r *modelReader) structure(name string) *shape {
	s := r.structures[name]
	if s == nil {
		s = &shape{name: name}
		r.structures[name] = s
	}
	return s
}

var kinds = map[string]kind{
	"list": list, "map": mapping, "string": text, "secret": text, "enum": enum, "int": integer, "boolean": boolean, "timestamp": timestamp,
}

func (r *modelReader) shape(spec string) *shape {
	word, rest, _ := strings.Cut(spec, " ")
	k, ok := kinds[word]
	if !ok {
		return r.structure(word)
	}
	s := &shape{kind: k, secret: word == "secret"}
	switch k {
	case enum:
		s.values = strings.Split(rest, "|")
		return s
	case mapping:
		key, element, _ := strings.Cut(s.bounds(rest), " → ")
		s.key, s.element = r.shape(key), r.shape(element)
		return s
	}
	rest = s.bounds(rest)
	if k == list {
		s.element = r.shape(rest)
	} else if rest != "" {
		s.pattern = newPattern(strings.TrimSuffix(strings.TrimPrefix(rest, "/"), "/"))
	}
	return s
}

// bounds reads what may stand before the rest: 1-64, or 1- where there is no upper bound.
func (s *shape) bounds(spec string) (rest string) {
	word, rest, _ := strings.Cut(spec, " ")
	low, high, ok := strings.Cut(word, "-")
	least, err := strconv.Atoi(low)
	if !ok || err != nil {
		return spec
	}
	s.bounded, s.min, s.max = true, least, -1
	if most, err := strconv.Atoi(high); err == nil {
		s.max = most
	}
	return rest
}

// notBlank is the model's way to say so, which Go's expressions can't.
const notBlank = `^(?!\s*$).+`

func newPattern(source string) *expression {
	whole := strings.ReplaceAll(source, notBlank, `.*\S.*`)
	return &expression{source: source, whole: regexp.MustCompile(`\A(?:` + whole + `)\z`), bus: strings.HasPrefix(source, `(arn:aws[\w-]*:events:`)}
}
