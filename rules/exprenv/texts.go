package exprenv

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
)

// maxText bounds, in bytes, a text that an expression makes of parts: with an
// event's texts as the parts it could be larger than all memory.
const maxText = 16 << 20

// boundedNames are the builtins that take the place of those of expr.
var boundedNames = []string{"replace", "repeat", "join"}

// boundedTexts are expr's builtins that make a text which can be far larger than
// their arguments, with a bound.
func boundedTexts() []expr.Option {
	return []expr.Option{
		expr.DisableBuiltin("replace"), expr.DisableBuiltin("repeat"), expr.DisableBuiltin("join"),
		expr.Function("replace", replace, strings.Replace, strings.ReplaceAll),
		expr.Function("repeat", repeat, strings.Repeat),
		expr.Function("join", join,
			new(func([]any, string) string), new(func([]any) string), new(func([]string, string) string), new(func([]string) string)),
	}
}

func replace(args ...any) (any, error) {
	text, before, after := args[0].(string), args[1].(string), args[2].(string)
	n := -1
	if len(args) == 4 {
		n = args[3].(int)
	}
	times := strings.Count(text, before)
	if n >= 0 {
		times = min(times, n)
	}
	if err := fits(len(text)+times*max(0, len(after)-len(before)), "replace"); err != nil {
		return nil, err
	}
	return strings.Replace(text, before, after, n), nil
}

func repeat(args ...any) (any, error) {
	text, n := args[0].(string), args[1].(int)
	if n < 0 {
		return nil, fmt.Errorf("invalid argument for repeat (expected positive integer, got %d)", n)
	}
	if err := fits(len(text)*min(n, maxText+1), "repeat"); err != nil {
		return nil, err
	}
	if text == "" {
		return "", nil
	}
	return strings.Repeat(text, n), nil
}

func join(args ...any) (any, error) {
	between := ""
	if len(args) == 2 {
		between = args[1].(string)
	}
	parts, ok := args[0].([]string)
	if !ok {
		for _, part := range args[0].([]any) {
			text, ok := part.(string)
			if !ok {
				return nil, fmt.Errorf("join: an element is %s, not a string: write map(…, string(#))", typeName(reflect.TypeOf(part)))
			}
			parts = append(parts, text)
		}
	}
	size := len(between) * len(parts)
	for _, part := range parts {
		size += len(part)
	}
	if err := fits(size, "join"); err != nil {
		return nil, err
	}
	return strings.Join(parts, between), nil
}

func fits(size int, name string) error {
	if size > maxText {
		return fmt.Errorf("%s: the text would be longer than %d MiB", name, maxText>>20)
	}
	return nil
}
