package exprenv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
)

// OrderKey is a compiled expression whose result is an ordering key, immutable,
// safe for concurrent use.
type OrderKey struct{ *Program }

// maxOrderKey bounds an ordering key, in bytes. Of a longer one the beginning is
// kept, and a hash of the whole.
const maxOrderKey = 256

var orderKeys = newDialect(ofEvents, expr.AsAny())

// CompileOrderKey is Compile for an expression whose result must be able to be an
// ordering key: a string, a number, or true or false, or nil for no order. What the
// types leave open, such as a field of detail, is checked for each event.
func CompileOrderKey(source string) (*OrderKey, error) {
	p, err := orderKeys.compile(source)
	if err != nil {
		return nil, err
	}
	switch kind := p.program.Node().Type().Kind(); kind {
	case reflect.Map, reflect.Slice, reflect.Array, reflect.Struct, reflect.Func:
		return nil, &Error{
			Reason: fmt.Sprintf("the result is %s, which can't be an ordering key", typeName(p.program.Node().Type())),
			Hint:   "choose a field that holds a string, a number, or true or false, such as detail.orderId",
		}
	}
	return &OrderKey{p}, nil
}

// Of returns the ordering key of an event. It is empty where the expression returns nil
// or an empty string: the event is then in no order. There is an error, an *Error, if the
// expression fails, or its result can't be a key.
func (k *OrderKey) Of(env *Env) (string, error) {
	result, err := k.Run(env)
	if err != nil {
		return "", err
	}
	switch v := result.(type) {
	case nil:
		return "", nil
	case string:
		return bounded(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return "", &Error{
		Reason: fmt.Sprintf("the result is %s, which can't be an ordering key", typeName(reflect.TypeOf(result))),
		Hint:   "it must be a string, a number, or true or false; nil means no order",
	}
}

func bounded(key string) string {
	if len(key) <= maxOrderKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	end := hex.EncodeToString(sum[:])
	return strings.ToValidUTF8(key[:maxOrderKey-len(end)-len("…")], "") + "…" + end
}

// typeName is what people who know JSON call a type.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return t.String()
}
