package exprenv

import (
	"fmt"
	"reflect"
)

// maxSteps bounds the work of one run of an expression that loops or uses a regular
// expression. A step takes
// from a tenth of a microsecond to one, so that a run ends within a second
// whatever the event holds.
const maxSteps = 1_000_000

// The weights of one step of what a looping expression does over and over.
const (
	textPerStep  = 256 // bytes that are copied, compared or searched
	slowPerStep  = 16  // bytes that a regular expression looks at, or that are replaced
	pairsPerStep = 2   // pairs of elements that are compared
)

// budget is the steps of one run, and what is left of them.
type budget struct{ steps, left int }

// take ends the run where its steps do not suffice: expr makes an error of the
// panic.
func (b *budget) take(steps int) {
	if b.left -= steps; b.left < 0 {
		panic(fmt.Errorf("the expression takes more than %d steps on this event: it goes through lists too often, or holds a regular expression against too much text", b.steps))
	}
}

// turn pays for one turn of a loop.
func (b *budget) turn(...any) any {
	b.take(1)
	return nil
}

// text pays for going through a text, and gives back its argument, whatever it
// is, as the others do.
func (b *budget) text(args ...any) any {
	if s, ok := args[0].(string); ok {
		b.take(len(s) / textPerStep)
	}
	return args[0]
}

// slow pays for going through a text with a regular expression, or piece by piece.
func (b *budget) slow(args ...any) any {
	if s, ok := args[0].(string); ok {
		b.take(len(s) / slowPerStep)
	}
	return args[0]
}

// list pays for looking at each element of a list once.
func (b *budget) list(args ...any) any {
	if v := reflect.ValueOf(args[0]); v.Kind() == reflect.Slice {
		b.take(v.Len())
	}
	return args[0]
}

// pairs pays for comparing each element of a list with each.
func (b *budget) pairs(args ...any) any {
	if v := reflect.ValueOf(args[0]); v.Kind() == reflect.Slice {
		b.take(v.Len() * min(v.Len(), maxSteps) / pairsPerStep)
	}
	return args[0]
}

// value pays for going through all that a value holds.
func (b *budget) value(args ...any) any {
	b.look(args[0])
	return args[0]
}

func (b *budget) look(value any) {
	switch v := value.(type) {
	case string:
		b.text(v)
	case []any:
		b.take(len(v))
		for _, item := range v {
			b.look(item)
		}
	case map[string]any:
		b.take(len(v))
		for _, item := range v {
			b.look(item)
		}
	default:
		b.list(v)
	}
}

// The names by which a metered expression calls the methods of its budget. They
// begin with a blank, so that nobody can write them.
const (
	payTurn  = " turn"
	payText  = " text"
	paySlow  = " slow"
	payList  = " list"
	payPairs = " pairs"
	payValue = " value"
)

// meter is the budget of one run as the expression reaches it.
type meter struct {
	Turn  func(...any) any `expr:" turn"`
	Text  func(...any) any `expr:" text"`
	Slow  func(...any) any `expr:" slow"`
	List  func(...any) any `expr:" list"`
	Pairs func(...any) any `expr:" pairs"`
	Value func(...any) any `expr:" value"`
}

// newMeter returns the meter of a run that has so many steps.
func newMeter(steps int) meter {
	b := &budget{steps, steps}
	return meter{Turn: b.turn, Text: b.text, Slow: b.slow, List: b.list, Pairs: b.pairs, Value: b.value}
}
