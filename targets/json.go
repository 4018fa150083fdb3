package targets

import (
	"bytes"
	"encoding/json"
)

// jsonObject tells whether b is a JSON object.
func jsonObject(b []byte) bool {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed)
}
