package transform

import (
	"fmt"
	"reflect"
)

// MaxBody bounds a body that is made of an event, in bytes: one that splices a
// large event many times would be larger than memory.
const MaxBody = 16 << 20

// errTooLarge is why a body over MaxBody is not made.
func errTooLarge() error {
	return fmt.Errorf("the body would be longer than %d MiB: splice less of the event, or fewer times", MaxBody>>20)
}

// room takes from left the least bytes that a value takes as JSON, and says whether
// any are left. It stops where they are not: a value may hold another many times.
func room(v reflect.Value, left *int) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	*left-- // a comma, or a digit
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && *left > 0; i++ {
			room(v.Index(i), left)
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next() && *left > 0; {
			room(entries.Key(), left)
			room(entries.Value(), left)
		}
	}
	return *left > 0
}
