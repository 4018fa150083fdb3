package redis

import (
	"strings"
	"testing"

	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestValidate(t *testing.T) {
	url := func(url string) Options { return Options{Options: remote.Options{URL: url}, Stream: "s"} }
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"all well":            {Options{Stream: "events:{{ source }}", MaxLen: 10}, ""},
		"a password alone":    {Options{Stream: "s", Login: remote.Login{Password: "${KEY}"}}, ""},
		"nowhere":             {Options{}, "stream: is missing: name the stream to add to"},
		"anywhere":            {Options{Stream: "{{ source }}"}, "stream: begins with what the event says, so that it could be any key of the database: begin it with a word of its own, such as events:{{ source }}"},
		"an open one":         {Options{Stream: "s:{{ source"}, "stream: a {{ is never closed"},
		"too long":            {Options{Stream: strings.Repeat("x", 1025)}, "stream: is longer than 1024 bytes"},
		"a secret":            {Options{Stream: "${KEY}"}, "stream: takes no references to secrets"},
		"a length":            {Options{Stream: "s", MaxLen: -1}, "max_len: is -1: it must be at least 1"},
		"another scheme":      {url("http://x"), `url: "http://x" is not an address: it must begin with redis:// or rediss://`},
		"a query":             {url("redis://x?db=1"), "url: has a query (?)"},
		"no database":         {url("redis://x/orders"), `url: its path "/orders" is no number of a database`},
		"half of a login":     {url("redis://joe@x"), "url: has a user without a password"},
		"half of another":     {Options{Stream: "s", Login: remote.Login{User: "joe"}}, "user: needs a password beside it"},
		"no such secret":      {Options{Stream: "s", Login: remote.Login{Password: "${NONE}"}}, "password: environment variable NONE is not set"},
		"tls without it":      {Options{Stream: "s", Options: remote.Options{URL: "redis://x", TLS: remote.TLS{ServerName: "y"}}}, "tls: is only for rediss://"},
		"the field of bodies": {Options{Stream: "s", Options: remote.Options{URL: "redis://x", Headers: map[string]string{"Body": "y"}}}, "headers.Body: is the field of an entry"},
	} {
		if tt.o.URL == "" {
			tt.o.URL = "redis://x"
		}
		t.Run(name, func(t *testing.T) { targetstest.Faults(t, Kind(), &tt.o, targetstest.Vars("KEY", "k"), tt.want) })
	}
}
