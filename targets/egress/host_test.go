package egress

import (
	"strings"
	"testing"
)

func TestHostName(t *testing.T) {
	for text, want := range map[string]string{
		"crm.example.com": "crm.example.com", "CRM.Example.com.": "crm.example.com", "my_db": "my_db", "10.1.2.3": "10.1.2.3",
		"::1": "::1", "[0:0::1]": "::1", "::ffff:10.1.2.3": "10.1.2.3", "bücher.example": "xn--bcher-kva.example",
	} {
		if name, err := HostName(text); err != nil || name != want {
			t.Errorf("%s is %q, %v; want %q", text, name, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is empty", "crm.example.com:443": "write crm.example.com", "[::1]:443": "write ::1", "https://crm.example.com:443/in": "its host alone: crm.example.com",
		"*": "a * can't stand here", "*.example.com": "a * can't", "crm example": "write one such as", "a..b": "write one such as", ".": "write one such as",
		"10.0.0.0/8": "write one such as", "user@host": "write one such as", "ä_ö.test": "write one such as",
	} {
		if name, err := HostName(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %q, %v; want %s", text, name, err, want)
		}
	}
}
