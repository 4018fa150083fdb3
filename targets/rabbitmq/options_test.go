package rabbitmq

import (
	"strings"
	"testing"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"all well":        {Options{Exchange: "shop", RoutingKey: "a.{{ source }}"}, ""},
		"a fanout":        {Options{Exchange: "shop"}, ""},
		"nowhere":         {Options{}, "routing_key: is missing: name the queue to send to, or an exchange"},
		"another scheme":  {Options{Options: remote.Options{URL: "http://x"}, RoutingKey: "q"}, "url: "},
		"a query":         {Options{Options: remote.Options{URL: "amqp://x/?heartbeat=1"}, RoutingKey: "q"}, "url: has a query"},
		"tls without it":  {Options{Options: remote.Options{URL: "amqp://x", TLS: remote.TLS{ServerName: "y"}}, RoutingKey: "q"}, "tls: is only for amqps://"},
		"an open one":     {Options{RoutingKey: "{{ source"}, "routing_key: a {{ is never closed"},
		"too long":        {Options{Exchange: strings.Repeat("x", 256)}, "exchange: is longer than 255 bytes"},
		"a secret":        {Options{RoutingKey: "${KEY}"}, "routing_key: takes no references to secrets"},
		"a queue of many": {Options{RoutingKey: "{{ source }}", CreateQueue: true}, "create_queue: is only for one queue by its name"},
		"half a login":    {Options{RoutingKey: "q", Login: remote.Login{User: "x"}}, "user: user and password go together"},
		"no such secret":  {Options{RoutingKey: "q", Login: remote.Login{User: "x", Password: "${NONE}"}}, "password: "},
	} {
		if tt.o.URL == "" {
			tt.o.URL = "amqp://x"
		}
		t.Run(name, func(t *testing.T) { targetstest.Faults(t, Kind(), &tt.o, targetstest.Vars("KEY", "k"), tt.want) })
	}
}

// TestTheVirtualHost of a URL (rabbitmq.com/docs/uri-spec).
func TestTheVirtualHost(t *testing.T) {
	for url, want := range map[string]string{"amqp://x": "/", "amqp://x/": "/", "amqp://x/shop": "shop", "amqp://x/%2Fa%2Fb": "/a/b"} {
		c := targetstest.Named(Kind(), targets.Config{Options: &Options{Options: remote.Options{URL: url}}})
		d, _, err := newDialer(&c, c.Options.(*Options), targets.Env{})
		if err != nil || d.config.Vhost != want || d.address != "amqp://x:5672" {
			t.Errorf("%s: %q at %s, %v", url, d.config.Vhost, d.address, err)
		}
	}
}
