package event

import (
	"fmt"
	"strings"
)

// Violations are what AWS says of the values of a request that its service model does not
// allow, in the order of the members.
type Violations []string

// Add notes a value, as AWS prints it, at a path such as targets.1.member.id.
func (v *Violations) Add(value, path, constraint string) {
	*v = append(*v, "Value "+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
}

// Error is that of the request as a whole; nil where there are none.
func (v Violations) Error() *Error {
	switch n := len(v); n {
	case 0:
		return nil
	case 1:
		return &Error{Code: CodeValidation, Message: "1 validation error detected: " + v[0]}
	default:
		return &Error{Code: CodeValidation, Message: fmt.Sprintf("%d validation errors detected: ", n) + strings.Join(v, "; ")}
	}
}
