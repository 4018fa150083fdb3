package pattern

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"signalbox/spelling"
)

// test reads one alternative of a condition: a plain value, or an object with
// one operator.
func (p *parser) test() test {
	next := p.peek()
	t := test{offset: int32(p.pos)}
	switch {
	case next == '"':
		t.setString(p.str())
	case isNumber(next):
		t.setNumber(p.text())
	case next == '{':
		p.operator(&t)
	case next == '[':
		p.fail("Match value must be String, number, true, false, or null", "")
	default:
		t.setLiteral(p.text())
	}
	return t
}

// setString makes t the test for a plain string. One that reads as an IP address
// stands for the address, in any spelling.
func (t *test) setString(text string) {
	t.op, t.text = opString, text
	if addr, ok := parseAddress(text); ok {
		t.op, t.more = opAddress, &operand{prefix: netip.PrefixFrom(addr, addr.BitLen())}
	}
}

func (t *test) setNumber(text string) {
	t.op, t.text = opNumberText, text
	if num, ok := comparableNumber([]byte(text)); ok {
		t.op, t.num = opNumber, num
	}
}

func (t *test) setLiteral(text string) {
	t.text = text
	switch text {
	case "true":
		t.op = opTrue
	case "false":
		t.op = opFalse
	default:
		t.op = opNull
	}
}

// Operators are the names that an operator may have.
var Operators = []string{
	"exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "numeric",
	"cidr", "exists", "anything-but",
}

func (p *parser) operator(t *test) {
	name, offset := p.operatorName("Match expression name not found")
	switch name {
	case "exactly":
		t.op, t.text = opString, p.operandString("exact match pattern must be a string")
	case "prefix":
		p.affix(t, opPrefix, opPrefixFold, "prefix")
	case "suffix":
		p.affix(t, opSuffix, opSuffixFold, "suffix")
	case "equals-ignore-case":
		text := p.operandString("equals-ignore-case match pattern must be a string")
		t.op, t.text, t.more = opEqualsFold, text, &operand{fold: newFolded(text)}
	case "wildcard":
		p.wildcard(t)
	case "numeric":
		p.numeric(t)
	case "cidr":
		p.cidr(t)
	case "exists":
		p.exists(t)
	case "anything-but":
		p.anythingBut(t)
	case "all-of":
		p.allOf(t, offset)
	default:
		p.failAt(offset, "Unrecognized match type "+name, didYouMean(name, Operators))
	}
	p.endOperator("Only one key allowed in match expression")
}

// operatorName enters an object and reads its first key, an operator's name.
func (p *parser) operatorName(missing string) (name string, offset int) {
	p.open()
	if p.peek() == '}' {
		p.fail(missing, "")
	}
	offset = p.pos
	name = p.key()
	p.path = append(p.path, name)
	return name, offset
}

// endOperator leaves the object of an operator, which must hold nothing else.
func (p *parser) endOperator(reason string) {
	p.path = p.path[:len(p.path)-1]
	if p.peek() != '}' {
		p.fail(reason, "write a second object beside this one: alternatives stand in the array")
	}
	p.pos++
}

func (p *parser) operandString(reason string) string {
	if p.peek() != '"' {
		p.fail(reason, "")
	}
	return p.str()
}

// affix reads the operand of prefix or suffix.
func (p *parser) affix(t *test, plain, fold op, name string) {
	if p.peek() == '[' {
		p.fail(name+" match pattern must be a string", `write one object for each: [{"`+name+`": "a"}, {"`+name+`": "b"}]`)
	}
	if p.peek() != '{' {
		t.op, t.text = plain, p.operandString(name+" match pattern must be a string")
		return
	}
	inner, offset := p.operatorName(strings.ToUpper(name[:1]) + name[1:] + " expression name not found")
	if inner != "equals-ignore-case" {
		p.failAt(offset, "Unsupported "+name+" pattern: "+inner, didYouMean(inner, []string{"equals-ignore-case"}))
	}
	text := p.operandString("equals-ignore-case match pattern must be a string")
	t.op, t.text, t.more = fold, text, &operand{fold: newFolded(text)}
	p.endOperator("Only one key allowed in match expression")
}

func (p *parser) wildcard(t *test) {
	t.op = opGlob
	if p.peek() == '{' && p.opts.Extensions {
		inner, offset := p.operatorName("Wildcard expression name not found")
		if inner != "equals-ignore-case" {
			p.failAt(offset, "Unsupported wildcard pattern: "+inner, didYouMean(inner, []string{"equals-ignore-case"}))
		}
		t.op = opGlobFold
		defer p.endOperator("Only one key allowed in match expression")
	}
	offset := p.pos
	p.setGlob(t, p.operandString("wildcard match pattern must be a string"), offset)
}

func (p *parser) setGlob(t *test, text string, offset int) {
	t.text = text
	g, problem, pos := newGlob(text)
	if g == nil {
		p.failAt(offset, fmt.Sprintf("%s at pos %d", problem, pos), `only \* and \\ are escapes, and ** is not allowed`)
	}
	if len(g.parts)-1 > MaxWildcards {
		p.failAt(offset, fmt.Sprintf("%d wildcards in one operand, the limit is %d", len(g.parts)-1, MaxWildcards), "")
	}
	if t.op == opGlobFold {
		for i, part := range g.parts {
			g.parts[i] = string(appendFoldKey(nil, part))
		}
	}
	t.more = &operand{glob: g}
}

func (p *parser) cidr(t *test) {
	offset := p.pos
	t.op, t.text = opCIDR, p.operandString("prefix match pattern must be a string") // as EventBridge says of cidr too
	prefix, reason := parsePrefix(t.text)
	if reason != "" {
		p.failAt(offset, reason, `write address/bits, such as "10.0.0.0/8"; a single address is a plain string`)
	}
	t.more = &operand{prefix: prefix}
}

func (p *parser) exists(t *test) {
	switch next := p.peek(); next {
	case 't', 'f':
		t.op = opPresent
		if t.text = p.text(); t.text == "false" {
			t.op = opAbsent
		}
	default:
		p.fail("exists match pattern must be either true or false.", "")
	}
}

// anythingBut reads the operand of anything-but: what it forbids.
func (p *parser) anythingBut(t *test) {
	t.op, t.more = opAnythingBut, &operand{}
	switch next := p.peek(); {
	case next == '{':
		p.anythingButOperator(t)
	case next == '[':
		p.list(func() {
			if next := p.peek(); next != '"' && !isNumber(next) {
				hint := ""
				if next == '{' {
					hint = "an operator stands there without the list, and may have a list inside: " + p.unlisted()
				}
				p.fail("Inside anything but list, start|null|boolean is not supported.", hint)
			}
			t.more.tests = append(t.more.tests, p.forbidden())
		})
		mixed := slices.ContainsFunc(t.more.tests, func(but test) bool { return but.op != t.more.tests[0].op })
		if mixed || len(t.more.tests) == 0 {
			p.fail("Inside anything but list, either all values are number or string, mixed type is not supported", "")
		}
		t.more.indexStrings()
	case next == '"' || isNumber(next):
		t.more.tests = []test{p.forbidden()}
	default:
		p.fail("Value of anything-but must be an array or single string/number value.", "")
	}
}

// unlisted returns the right spelling of anything-but: [{"prefix": "a"}].
func (p *parser) unlisted() string {
	ahead := scanner{src: p.src, pos: p.pos}
	name := "prefix"
	ahead.open()
	if ahead.peek() == '"' {
		name = ahead.key()
	}
	return fmt.Sprintf(`{"anything-but": {%q: ["a", "b"]}}`, name)
}

// indexStrings makes a long list of plain strings quick to look into.
func (o *operand) indexStrings() {
	const long = 8
	if len(o.tests) < long || o.tests[0].op != opString {
		return
	}
	o.strings = make(map[string]bool, len(o.tests))
	for i := range o.tests {
		o.strings[o.tests[i].text] = true
	}
}

// forbidden reads a string or number inside anything-but. There a string is
// taken literally, also where it is an IP address, and a number must be one that
// can be compared.
func (p *parser) forbidden() test {
	t := test{offset: int32(p.pos)}
	if p.peek() == '"' {
		t.op, t.text = opString, p.str()
		return t
	}
	t.op, t.text = opNumber, p.text()
	t.num = p.comparable(t.text, int(t.offset))
	return t
}

func (p *parser) anythingButOperator(t *test) {
	name, offset := p.operatorName("Anything-But expression name not found")
	but := test{op: opString}
	var reason string // of an operand that is no string
	switch name {
	case "prefix":
		but.op, reason = opPrefix, "prefix/suffix match pattern must be a string"
	case "suffix":
		but.op, reason = opSuffix, "prefix/suffix match pattern must be a string"
	case "equals-ignore-case":
		but.op, reason = opEqualsFold, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
	case "wildcard":
		but.op, reason = opGlob, "wildcard match pattern must be a string"
	default:
		p.failAt(offset, "Unsupported anything-but pattern: "+name,
			didYouMean(name, []string{"prefix", "suffix", "equals-ignore-case", "wildcard"}))
	}
	read := func() {
		p.peek()
		but.offset = int32(p.pos)
		but.text = p.operandString(reason)
		switch {
		case but.text == "" && (but.op == opPrefix || but.op == opSuffix):
			p.failAt(int(but.offset), "Null prefix/suffix not allowed", "every string begins and ends with the empty one")
		case but.op == opEqualsFold:
			but.more = &operand{fold: newFolded(but.text)}
		case but.op == opGlob:
			p.setGlob(&but, but.text, int(but.offset))
		}
		t.more.tests = append(t.more.tests, but)
	}
	if p.peek() == '[' {
		p.list(read)
	} else {
		read()
	}
	if len(t.more.tests) == 0 {
		p.fail("Empty arrays are not allowed", "")
	}
	p.endOperator("Only one key allowed in match expression")
}

// list reads an array, each member by calling read.
func (p *parser) list(read func()) {
	p.open()
	for n := 0; p.more(); n++ {
		p.path = append(p.path, n)
		read()
		p.path = p.path[:len(p.path)-1]
	}
}

// allOf reads the operand of the extension all-of: tests that must all hold for
// the same value.
func (p *parser) allOf(t *test, offset int) {
	if !p.opts.Extensions {
		p.failAt(offset, "Unrecognized match type all-of", "it is an extension, which must be switched on")
	}
	if p.peek() != '[' {
		p.fail("Value of all-of must be an array.", "")
	}
	t.op, t.more = opAllOf, &operand{}
	p.list(func() {
		of := p.test()
		if of.op == opAbsent {
			p.failAt(int(of.offset), "exists false inside all-of can never hold", "")
		}
		t.more.tests = append(t.more.tests, of)
	})
	if len(t.more.tests) == 0 {
		p.fail("Empty arrays are not allowed", "")
	}
}

// didYouMean is a hint with the name that was probably meant, or "".
func didYouMean(name string, known []string) string {
	if meant := spelling.Nearest(name, known); meant != "" {
		return `did you mean "` + meant + `"?`
	}
	return ""
}
