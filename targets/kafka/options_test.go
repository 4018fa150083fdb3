package kafka

import (
	"slices"
	"strings"
	"testing"

	"signalbox/document"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestValidate(t *testing.T) {
	url := func(url string) Options { return Options{Options: remote.Options{URL: url}, Topic: "t"} }
	login := func(o Options, mechanism string) Options {
		o.User, o.Password, o.SASLMechanism = "joe", "${KEY}", mechanism
		return o
	}
	topic := func(topic string) Options { return Options{Topic: topic} }
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"all well":           {Options{Topic: "shop.{{ source }}_x", Key: "detail.id", Compression: "zstd", MaxMessageBytes: 4 << 20}, ""},
		"a topic in the URL": {Options{Options: remote.Options{URL: "kafka://x/orders"}}, ""},
		"three brokers":      {url("kafka://a:9092,b:9092,c:9094"), ""},
		"without ports":      {url("kafka://a,b"), ""},
		"TLS":                {login(url("kafka+ssl://x"), "PLAIN"), ""},
		"a login in the URL": {Options{Options: remote.Options{URL: "kafka://joe:${KEY}@x/t"}, SASLMechanism: "SCRAM-SHA-512"}, ""},

		"nowhere":               {Options{}, "topic: is missing: name the topic to produce to, here or as the path of url"},
		"two topics":            {url("kafka://x/orders"), `topic: url names a topic too, "orders": keep one of them`},
		"anywhere":              {topic("{{ source }}"), "topic: begins with what the event says, so that it could be any topic of the cluster: begin it with a word of its own, such as events.{{ source }}"},
		"nearly anywhere":       {topic("_{{ source }}"), "topic: begins with what the event says"},
		"Kafka's own":           {topic("__consumer_offsets"), "topic: begins with __: these topics are Kafka's own"},
		"no topic":              {topic("shop/orders"), `topic: "shop/orders" is no name of a topic: it cannot hold "/"`},
		"an open one":           {topic("s.{{ source"), "topic: a {{ is never closed"},
		"too long":              {topic(strings.Repeat("x", 250)), "topic: is longer than 249 bytes"},
		"a secret":              {topic("${KEY}"), "topic: "},
		"created by events":     {Options{Topic: "x.{{ source }}", CreateTopic: true}, "create_topic: is only for one topic by its name"},
		"another scheme":        {url("http://x"), `url: "http://x" is not an address: it must begin with kafka:// or kafka+ssl://`},
		"a query":               {url("kafka://x?acks=0"), "url: has a query (?)"},
		"half a list":           {url("kafka://a,,b"), `url: "" is no broker: write each as host:port`},
		"a list of which":       {url("kafka://a:9092,b"), `url: "kafka://a:9092,b" is no URL`},
		"half of a login":       {url("kafka://joe@x"), "url: has a user without a password"},
		"half of another":       {Options{Topic: "t", Login: remote.Login{User: "joe"}, SASLMechanism: "PLAIN"}, "user: user and password go together"},
		"no mechanism":          {login(url("kafka://x"), ""), "sasl_mechanism: is missing: say how the user logs in, by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"},
		"another mechanism":     {login(url("kafka://x"), "GSSAPI"), `sasl_mechanism: is "GSSAPI": it must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512`},
		"nobody to log in":      {Options{Topic: "t", SASLMechanism: "SCRAM-SHA-256"}, "sasl_mechanism: needs a user and a password beside it"},
		"no such secret":        {Options{Topic: "t", Login: remote.Login{User: "joe", Password: "${NONE}"}, SASLMechanism: "SCRAM-SHA-256"}, "password: environment variable NONE is not set"},
		"tls without it":        {Options{Topic: "t", Options: remote.Options{URL: "kafka://x", TLS: remote.TLS{ServerName: "y"}}}, "tls: is only for kafka+ssl://"},
		"no key":                {Options{Topic: "t", Key: "detail +"}, "key: "},
		"a key of no kind":      {Options{Topic: "t", Key: "[1]"}, "key: at byte 0: the result is a list, which can't be an ordering key"},
		"another compression":   {Options{Topic: "t", Compression: "brotli"}, `compression: is "brotli": it must be one of gzip, lz4, none, snappy, zstd`},
		"too large":             {Options{Topic: "t", MaxMessageBytes: 1 << 30}, "max_message_bytes: is 1GiB: it must be from 1KiB to 64MiB"},
		"negative":              {Options{Topic: "t", MaxMessageBytes: document.Size(-1)}, "max_message_bytes: is "},
		"what is the message's": {Options{Topic: "t", Options: remote.Options{URL: "kafka://x", Headers: map[string]string{"ce-id": "y"}}}, "headers.ce-id: names that begin with Ce-"},
	} {
		if tt.o.URL == "" {
			tt.o.URL = "kafka://x"
		}
		t.Run(name, func(t *testing.T) { targetstest.Faults(t, Kind(), &tt.o, targetstest.Vars("KEY", "k"), tt.want) })
	}
}

func TestPlainWithoutTLSIsDoubtful(t *testing.T) {
	for scheme, want := range map[string]bool{"kafka": true, "kafka+ssl": false} {
		o := &Options{Options: remote.Options{URL: scheme + "://joe:secret@x/t"}, SASLMechanism: "PLAIN"}
		c := targetstest.Named(Kind(), targets.Config{Options: o})
		c.SetDefaults()
		errs, warnings := c.Check(targetstest.Vars())
		warned := slices.ContainsFunc(warnings, func(e *targets.FieldError) bool {
			return strings.HasPrefix(e.Error(), "sasl_mechanism: PLAIN sends the password as it is")
		})
		if len(errs) > 0 || warned != want {
			t.Errorf("%s: %v, %v", scheme, errs, warnings)
		}
	}
}
