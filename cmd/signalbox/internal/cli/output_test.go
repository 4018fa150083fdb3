package cli

import "testing"

func TestCause(t *testing.T) {
	for text, want := range map[string]string{
		"POST http://127.0.0.1:9000/x: 503 Service Unavailable":      "503 Service Unavailable",
		"TIMEOUT: POST http://127.0.0.1:9000/x: no answer within 5s": "TIMEOUT: no answer within 5s",
		"the stream is full":       "the stream is full",
		"nats://127.0.0.1 is down": "nats://127.0.0.1 is down",
	} {
		if got := Cause(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
