package targets

import "testing"

func TestMaskURL(t *testing.T) {
	tests := []struct{ url, want string }{
		{"http://host/path", "http://host/path"},
		{"http://user:pass@host/path", "http://***@host/path"},
		{"http://host/path?key=1", "http://host/path?***"},
		{"http://${USER}:${PASS:-a/b}@host/path", "http://***@host/path"},
		{"http://user:${PASS:-a/b}@host/path?key=1", "http://***@host/path?***"},
		{"${URL:-http://127.0.0.1:9000/x}", "${URL:-http://127.0.0.1:9000/x}"},
		{"${URL:-http://user:pass@host/x?y}", "${URL:-http://***@host/x?***"},
		{"stdout", "stdout"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := MaskURL(tt.url); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.url, got, tt.want)
		}
	}
}
