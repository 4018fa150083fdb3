package remote

import (
	"testing"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

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

func TestAddress(t *testing.T) {
	secrets := targetstest.Vars("URL", "https://hooks.example:8443/services/T0/B0?k=v", "HOST", "10.0.0.1", "PASSWORD", "p4ss", "TOKEN", "t0k3n",
		"V6", "::1", "PORT", "9000", "HOSTPORT", "10.0.0.1:9000")
	for _, test := range []struct{ text, want string }{
		{"http://127.0.0.1:9000/events?key=s3cr3t&v=&x", "http://127.0.0.1:9000/events?key=***&v=&***"},
		{"${URL}", "https://hooks.example:8443/***"},
		{"${NONE:-http://127.0.0.1:9000/events}", "http://127.0.0.1:9000/events"},
		{"http://${HOST}:9000/events", "http://10.0.0.1:9000/events"},
		{"http://user:${PASSWORD}@${HOST}", "http://***@10.0.0.1"},
		{"http://user:plain@127.0.0.1/x", "http://***@127.0.0.1/x"},
		{"http://127.0.0.1/${TOKEN}/x?key=${TOKEN}", "http://127.0.0.1/***/x?key=***"},
		{"http://127.0.0.1?key=${TOKEN}", "http://127.0.0.1?key=***"},
		{"${URL:-http://127.0.0.1:9000/events}", "https://hooks.example:8443/***"},
		{"https://${TOKEN}.hooks.example:8443/x", "https://***.hooks.example:8443/x"},
		{"http://[${V6}]:${PORT}/x", "http://[***]:9000/x"},
		{"http://${HOSTPORT}/x", "http://10.0.0.1:9000/x"},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := secrets.Expand(test.text, "")
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := Shown(e); got != test.want {
				t.Errorf("shown as %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	for _, test := range []struct{ text, host, err string }{
		{"http://bücher.test:8080/x", "xn--bcher-kva.test:8080", ""},
		{"http://bücher.test/x", "xn--bcher-kva.test", ""},
		{"http://[::1]:80/", "[::1]:80", ""},
		{"http://x:65535/", "x:65535", ""},
		{"http://x:65536/", "", `"http://x:65536/": the port must be from 1 to 65535`},
		{"http://x:0/", "", `"http://x:0/": the port must be from 1 to 65535`},
		{"http://ä_ö.test/", "", `"ä_ö.test" is no name of a host: write one such as crm.example.com`},
	} {
		t.Run(test.text, func(t *testing.T) {
			e, err := targetstest.Vars().Expand(test.text, "")
			if err != nil {
				t.Fatal(err)
			}
			switch u, err := ParseURL(e, "http"); {
			case err != nil:
				if err.Error() != test.err {
					t.Errorf("%v, want %s", err, test.err)
				}
			case u.Host != test.host:
				t.Errorf("the host is %q, want %q%s", u.Host, test.host, test.err)
			}
		})
	}
}

// TestShownOptions: the list of targets shows where a target is, and not the secrets of
// its address.
func TestShownOptions(t *testing.T) {
	secrets := targetstest.Vars("URL", "https://me:p4ss@hooks.example:8443/services/T0?k=v")
	for _, test := range []struct {
		text   string
		secret *bool
		want   string
	}{
		{"${URL}", nil, "https://***@hooks.example:8443/***"},
		{"${URL}", new(true), "https://***@hooks.example:8443/***"},
		{"${URL}", new(false), "https://***@hooks.example:8443/services/T0?***"},
		{"${NONE:-http://127.0.0.1:9000/events}", nil, "http://127.0.0.1:9000/events"},
		{"http://127.0.0.1:9000/events?key=1", nil, "http://127.0.0.1:9000/events?***"},
	} {
		t.Run(test.text, func(t *testing.T) {
			o, shown := &Options{URL: test.text, Secret: test.secret}, map[string]any{}
			o.Validate(&targets.Validation{Secrets: secrets}, "http", "https")
			if o.Show(shown); shown["url"] != test.want {
				t.Errorf("shown as %v, want %s", shown["url"], test.want)
			}
		})
	}
}
