package event

import (
	"bytes"
	"encoding/json"
)

// IsRecorded reports whether text is an event as TestEventPattern of the EventBridge API takes
// it: an object with an id, an account, a source, a time, a region and a detail-type. What
// else it holds, and of what types, does not matter.
func IsRecorded(text []byte) bool {
	var members map[string]json.RawMessage
	if checkUTF8(text) != nil || json.Unmarshal(text, &members) != nil {
		return false
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		if value := members[name]; value == nil || string(value) == "null" || string(value) == `""` {
			return false
		}
	}
	return true
}

// withoutBOM drops the mark that some editors put before UTF-8.
func withoutBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }
