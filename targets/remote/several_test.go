package remote

import (
	"fmt"
	"strings"
	"testing"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// TestServersOfACluster are told apart by what follows their commas, and none of their logins is shown.
func TestServersOfACluster(t *testing.T) {
	secrets := targetstest.Vars("ALL", "nats://a:4222,nats://b:4222", "PASSWORD", "p4ss,w0rd")
	for _, test := range []struct{ text, want, shown, fault string }{
		{"nats://a:4222", "nats://a:4222", "nats://a:4222", ""},
		{"nats://a:4222,nats://b:4222/x.y", "nats://a:4222 nats://b:4222/x.y", "nats://a:4222,nats://b:4222/x.y", ""},
		{"nats://a:4222, nats://[::1]:4222", "nats://a:4222 nats://[::1]:4222", "nats://a:4222,nats://[::1]:4222", ""},
		{"${ALL}", "nats://a:4222 nats://b:4222", "nats://a:4222,nats://b:4222", ""},
		{"nats://me:${PASSWORD}@a,nats://me:plain@b", "nats://me:p4ss,w0rd@a nats://me:plain@b", "nats://***@a,nats://***@b", ""},
		{"nats://a:4222,tls://b:4222", "", "", "has addresses of nats:// and of tls://"},
		{"nats://a/x,nats://b", "", "", `has the path "/x" in the midst`},
		{"nats://a,http://b", "", "", `"http://b" is not an address: it must begin with nats:// or tls://`},
		{"nats://a,nats://", "", "", `names no host`},
		{"nats://a:99999,nats://b", "", "", "the port must be from 1 to 65535"},
		{"nats://me:pla,nats://in@b", "", "", `"nats://***@b" has a login in some addresses only`},
	} {
		t.Run(test.text, func(t *testing.T) {
			v := &targets.Validation{Secrets: secrets}
			o := &Options{URL: test.text, Secret: new(false)}
			var got []string
			for _, u := range o.servers(v, []string{"nats", "tls"}) {
				got = append(got, u.String())
			}
			faults := fmt.Sprint(v.Faults())
			if strings.Join(got, " ") != test.want || !strings.Contains(faults, test.fault) || test.fault == "" && len(v.Faults()) > 0 {
				t.Errorf("got %q, %s", got, faults)
			}
			if shown := o.Shown(); test.shown != "" && shown != test.shown || strings.Contains(shown+faults, "pla") {
				t.Errorf("shown as %s, with %s", shown, faults)
			}
		})
	}
}
