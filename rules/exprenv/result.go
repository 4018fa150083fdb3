package exprenv

import (
	"errors"
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
