package exprenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// Text returns the result of an expression as text; empty for nil. The error is of what is
// neither text nor a number.
func Text(result any) (string, error) {
	switch result := result.(type) {
	case nil:
		return "", nil
	case string:
		return result, nil
	case int:
		return strconv.Itoa(result), nil
	case float64:
		return strconv.FormatFloat(result, 'f', -1, 64), nil
	}
	return "", errors.New("the result is no text and no number")
}

// ErrTooLarge is the error of a result that is longer than it may be.
var ErrTooLarge = errors.New("the result is too large")

// JSON returns the result of an expression as JSON, up to a length in bytes. The error is
// ErrTooLarge, or says what can't be written.
func JSON(result any, most int) ([]byte, error) {
	if left := most; !room(reflect.ValueOf(result), &left) {
		return nil, ErrTooLarge
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(result); err != nil {
		return nil, fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), nil
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
