package pattern

import (
	"fmt"
	"slices"
)

// numeric reads the operand of numeric: an operator and a number, or a range of
// a lower and an upper bound.
func (p *parser) numeric(t *test) {
	if p.peek() != '[' {
		p.fail("Value of numeric must be an array.", `write ["<operator>", <number>]`)
	}
	start := p.pos
	p.open()
	operator, offset := p.numericOperator("Invalid member in numeric match: ")
	t.op, t.more = opRange, &operand{rng: everything}
	rng := &t.more.rng
	if !slices.Contains([]string{"=", "<", "<=", ">", ">="}, operator) {
		p.failAt(offset, "Unrecognized numeric range operator: "+operator, "use one of = < <= > >=")
	}
	value, text := p.numericOperand(operator)
	rng.words = operator + " " + text
	switch operator {
	case "=":
		*t = test{op: opNumber, text: text, num: value, offset: t.offset}
	case "<", "<=":
		rng.high, rng.highOpen = value, operator == "<"
	case ">", ">=":
		rng.low, rng.lowOpen = value, operator == ">"
		if p.peek() == ',' {
			p.upperBound(rng)
		}
	}
	if rng.low >= rng.high {
		p.failAt(start, "Bottom must be less than top", "no number is in this range")
	}
	if p.peek() != ']' {
		reason := "Too many elements in numeric expression"
		if operator[0] == '>' {
			reason = "Too many terms in numeric range expression"
		}
		p.fail(reason, "a range has a lower bound first, then an upper one")
	}
	p.pos++
}

// upperBound reads the second half of a range.
func (p *parser) upperBound(rng *numberRange) {
	p.more()
	operator, offset := p.numericOperator("Bad value in numeric range: ")
	if operator != "<" && operator != "<=" {
		p.failAt(offset, "Bad numeric range operator: "+operator, "after > or >= comes < or <=")
	}
	high, text := p.numericOperand(operator)
	rng.high, rng.highOpen = high, operator == "<"
	rng.words += " and " + operator + " " + text
}

func (p *parser) numericOperator(reason string) (operator string, offset int) {
	if p.peek() != '"' {
		p.fail(reason+firstWord(p.src[p.pos:]), `write ["<operator>", <number>]`)
	}
	offset = p.pos
	return p.str(), offset
}

func firstWord(s string) string { return s[:min(len(s), 1)] }

// numericOperand reads the number after an operator.
func (p *parser) numericOperand(operator string) (float64, string) {
	if operator == "=" {
		operator = "equals"
	}
	if p.peek() == ',' {
		p.more()
	}
	if !isNumber(p.peek()) {
		p.fail(fmt.Sprintf("Value of %s must be numeric", operator), "a number without quotes")
	}
	offset := p.pos
	text := p.text()
	return p.comparable(text, offset), text
}

// comparable reads a number that must be one that can be compared.
func (p *parser) comparable(text string, offset int) float64 {
	value, ok := comparableNumber([]byte(text))
	if !ok {
		p.failAt(offset, "Cannot compare number : "+text, "a double does not hold this number exactly as it is written")
	}
	return value
}
