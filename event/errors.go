package event

import "fmt"

// Error is why ingest refuses one event, or a whole request.
type Error struct {
	// Code and Message are those of the EventBridge API. Where EventBridge has a
	// text of its own Message is that text, and Reason says what it does not.
	Code    string
	Message string
	// Path leads to the fault in what was sent, such as "Entries[3].Detail"; it
	// is empty when the fault is in the whole.
	Path string
	// Offset counts the bytes before the fault: in the text at Path if that is
	// JSON in a string, else in the body. It is 0 where it means nothing.
	Offset int
	// Reason is what exactly is wrong and how to fix it, where Message does not.
	Reason string
}

func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.Reason != "" {
		s += " (" + e.Path + ": " + e.Reason + ")"
	}
	return s
}

// The codes of errors, as the EventBridge API answers them. Callers may retry
// CodeInternalFailure and CodeThrottling; the others are final.
const (
	CodeInvalidArgument = "InvalidArgument"
	CodeMalformedDetail = "MalformedDetail"
	CodeInternalFailure = "InternalFailure"
	CodeThrottling      = "ThrottlingException"
	CodeNotFound        = "ResourceNotFoundException"
	// CodeNoHandler and CodeSeveralHandlers are this router's own: a command or a
	// query that the rules give no handler, or more than one.
	CodeNoHandler       = "NoHandler"
	CodeSeveralHandlers = "SeveralHandlers"
	// CodeValidation and CodeSerialization are of whole requests: one that breaks
	// a limit, and one that is not the JSON it should be.
	CodeValidation    = "ValidationException"
	CodeSerialization = "SerializationException"
)

// Final reports whether sending the event again can't help.
func (e *Error) Final() bool { return e.Code != CodeInternalFailure && e.Code != CodeThrottling }

// invalid refuses what stands at path.
func invalid(path, format string, args ...any) *Error {
	return &Error{Code: CodeInvalidArgument, Message: path + ": " + fmt.Sprintf(format, args...), Path: path}
}

// notJSON refuses a body for a fault in its JSON.
func notJSON(fault *syntaxError) *Error {
	return &Error{Code: CodeSerialization, Message: "the body is not valid JSON: " + fault.Error(), Offset: fault.offset}
}

// at puts the place of an element before the path of an error inside it.
func (e *Error) at(element string) *Error {
	e.Message = element + ": " + e.Message
	switch {
	case e.Path == "":
		e.Path = element
	default:
		e.Path = element + "." + e.Path
	}
	return e
}
