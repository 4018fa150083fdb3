package pattern

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The oracle is the pattern language once more, slow and obvious: it flattens
// the event into a list of values, multiplies out the pattern, and tries every
// choice of values. It shares no code with the engine, and reads JSON with
// encoding/json. It expects valid patterns.

type oracleMember struct {
	name  string
	value any // []oracleMember, []any, string, json.Number, bool or nil
}

func oracleDecode(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return oracleNext(d)
}

// oracleNext keeps the order and the repetition of keys.
func oracleNext(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch token {
	case json.Delim('{'):
		object := []oracleMember{}
		for d.More() {
			name, _ := d.Token()
			object = append(object, oracleMember{name.(string), oracleNext(d)})
		}
		_, _ = d.Token()
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, oracleNext(d))
		}
		_, _ = d.Token()
		return array
	}
	return token
}

type oracleLeaf struct {
	path  string
	value any
	in    map[int]int // the number of an array: the index of the element
}

type oracleFlattener struct {
	leaves []oracleLeaf
	arrays int
}

func (f *oracleFlattener) flatten(path []string, value any, in map[int]int) {
	switch value := value.(type) {
	case []oracleMember:
		for _, member := range value {
			f.flatten(append(path[:len(path):len(path)], member.name), member.value, in)
		}
	case []any:
		array := f.arrays
		f.arrays++
		for i, element := range value {
			inner := in
			switch element.(type) {
			case []oracleMember, []any:
				inner = map[int]int{array: i}
				for k, v := range in {
					inner[k] = v
				}
			}
			f.flatten(path, element, inner)
		}
	default:
		f.leaves = append(f.leaves, oracleLeaf{strings.Join(path, "."), value, in})
	}
}

type oracleRule map[string][]any

func oracleRules(rules []oracleRule, path []string, object []oracleMember) []oracleRule {
	for _, member := range object {
		switch value := member.value.(type) {
		case []oracleMember:
			rules = oracleRules(rules, append(path[:len(path):len(path)], member.name), value)
		case []any:
			if member.name != "$or" {
				name := member.name
				if parent := strings.Join(path, "."); parent != "" {
					name = parent + "." + name // an empty name at the top leaves no trace
				}
				for _, rule := range rules {
					rule[name] = value
				}
				continue
			}
			var all []oracleRule
			for _, branch := range value {
				var copies []oracleRule
				for _, rule := range rules {
					c := oracleRule{}
					for k, v := range rule {
						c[k] = v
					}
					copies = append(copies, c)
				}
				all = append(all, oracleRules(copies, path, branch.([]oracleMember))...)
			}
			rules = all
		}
	}
	return rules
}

func oracleMatch(pattern, event []byte) bool {
	f := oracleFlattener{}
	f.flatten(nil, oracleDecode(event), nil)
	for _, rule := range oracleRules([]oracleRule{{}}, nil, oracleDecode(pattern).([]oracleMember)) {
		var paths []string
		for path := range rule {
			paths = append(paths, path)
		}
		if oracleChoose(rule, paths, f.leaves, map[int]int{}, nil) {
			return true
		}
	}
	return false
}

// oracleChoose tries every value for the first path, and that it is absent.
func oracleChoose(rule oracleRule, paths []string, leaves []oracleLeaf, in map[int]int, absent []string) bool {
	if len(paths) == 0 {
		for _, path := range absent {
			for _, l := range leaves {
				if l.path == path && oracleMerge(in, l.in) != nil {
					return false
				}
			}
		}
		return true
	}
	path := paths[0]
	for _, t := range rule[path] {
		if object, ok := t.([]oracleMember); ok && object[0].name == "exists" && object[0].value == false {
			if oracleChoose(rule, paths[1:], leaves, in, append(absent[:len(absent):len(absent)], path)) {
				return true
			}
			continue
		}
		for _, l := range leaves {
			if l.path != path || !oracleTest(t, l.value) {
				continue
			}
			if merged := oracleMerge(in, l.in); merged != nil && oracleChoose(rule, paths[1:], leaves, merged, absent) {
				return true
			}
		}
	}
	return false
}

func oracleMerge(a, b map[int]int) map[int]int {
	merged := map[int]int{}
	for k, v := range a {
		merged[k] = v
	}
	for k, v := range b {
		if have, ok := merged[k]; ok && have != v {
			return nil
		}
		merged[k] = v
	}
	return merged
}

func oracleTest(t, value any) bool {
	switch t := t.(type) {
	case string:
		if want, ok := oracleAddress(t); ok {
			s, isString := value.(string)
			have, ok := oracleAddress(s)
			return isString && ok && have == want
		}
		return value == t
	case json.Number:
		return oracleNumbersEqual(t, value)
	case []oracleMember:
		return oracleOperator(t[0].name, t[0].value, value)
	}
	return t == value
}

func oracleNumbersEqual(t json.Number, value any) bool {
	n, ok := value.(json.Number)
	if !ok {
		return false
	}
	a, okA := oracleNumber(t)
	b, okB := oracleNumber(n)
	if okA && okB {
		return a.Cmp(b) == 0
	}
	return t == n
}

func oracleNumber(n json.Number) (*big.Rat, bool) {
	f, err := n.Float64()
	if err != nil {
		return nil, false
	}
	exact, _ := new(big.Rat).SetString(n.String())
	shortest, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	return exact, exact.Cmp(shortest) == 0
}

func oracleAddress(s string) (netip.Addr, bool) {
	if !strings.Contains(s, ":") && len(s) <= 15 {
		s = regexp.MustCompile(`\b0+(\d)`).ReplaceAllString(s, "$1") // leading noughts are decimal
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || strings.Contains(s, ".") && strings.Contains(s, ":") {
		return a, false
	}
	return a.Unmap(), true
}

func oracleOperator(name string, operand, value any) bool {
	if name == "exists" {
		return operand == true
	}
	if name == "anything-but" {
		return !oracleForbidden(operand, value)
	}
	if name == "numeric" {
		n, ok := value.(json.Number)
		return ok && oracleRange(operand.([]any), n)
	}
	s, ok := value.(string)
	if !ok {
		return false
	}
	inner, fold := operand.([]oracleMember)
	if fold {
		operand = inner[0].value
	}
	o := operand.(string)
	switch name {
	case "exactly":
		return s == o
	case "prefix":
		return oracleRegexp(o, fold, false, "^", "").MatchString(s)
	case "suffix":
		return oracleRegexp(o, fold, false, "", "$").MatchString(s)
	case "equals-ignore-case":
		return oracleRegexp(o, true, false, "^", "$").MatchString(s)
	case "wildcard":
		return oracleRegexp(o, false, true, "^", "$").MatchString(s)
	case "cidr":
		network := netip.MustParsePrefix(o)
		a, ok := oracleAddress(s)
		return ok && network.Contains(a)
	}
	panic("oracle: unknown operator " + name)
}

func oracleForbidden(operand, value any) bool {
	switch o := operand.(type) {
	case []any:
		for _, one := range o {
			if oracleForbidden(one, value) {
				return true
			}
		}
		return false
	case []oracleMember:
		list, ok := o[0].value.([]any)
		if !ok {
			list = []any{o[0].value}
		}
		for _, one := range list {
			if oracleOperator(o[0].name, one, value) {
				return true
			}
		}
		return false
	case json.Number:
		return oracleNumbersEqual(o, value)
	}
	return operand == value
}

func oracleRange(operand []any, n json.Number) bool {
	have, ok := oracleNumber(n)
	for ; len(operand) > 0; operand = operand[2:] {
		bound, _ := oracleNumber(operand[1].(json.Number))
		if !ok {
			return false
		}
		c := have.Cmp(bound)
		if !map[string]bool{"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[operand[0].(string)] {
			return false
		}
	}
	return ok
}

// oracleRegexp turns a text into a regular expression.
func oracleRegexp(text string, fold, wildcard bool, before, after string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s)" + before)
	for i := 0; i < len([]rune(text)); i++ {
		r := []rune(text)[i]
		switch {
		case wildcard && r == '*':
			b.WriteString(".*")
		case wildcard && r == '\\':
			i++
			b.WriteString(regexp.QuoteMeta(string([]rune(text)[i])))
		case fold:
			upper := string(unicode.ToUpper(r))
			if r == 'ß' {
				upper = "SS"
			}
			b.WriteString("(?:" + regexp.QuoteMeta(string(unicode.ToLower(r))) + "|" + regexp.QuoteMeta(upper) + ")")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + after)
}
