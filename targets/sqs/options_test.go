package sqs

import (
	"strings"
	"testing"

	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestValidate(t *testing.T) {
	const good = "sqs://eu-central-1/123456789012/orders"
	url := func(url string) Options { return Options{Options: amazon.Options{Options: remote.Options{URL: url}}} }
	many := map[string]string{"A": "1", "B": "1", "C": "1", "D": "1", "E": "1", "F": "1"}
	for name, tt := range map[string]struct {
		o       Options
		orderBy string
		want    string
	}{
		"all well":         {o: url(good)},
		"FIFO":             {o: url(good + ".fifo"), orderBy: "detail.orderId"},
		"FIFO, a group":    {o: Options{Options: amazon.Options{Options: remote.Options{URL: good + ".fifo"}}, Group: "{{ source }}"}},
		"FIFO, no group":   {o: url(good + ".fifo"), want: "group: is missing: a FIFO queue keeps the order within a group: set order_by, or group"},
		"a group":          {o: Options{Group: "x"}, want: "group: is only for FIFO queues"},
		"an open group":    {o: Options{Options: amazon.Options{Options: remote.Options{URL: good + ".fifo"}}, Group: "{{ source"}, want: "group: a {{ is never closed"},
		"no region":        {o: url("sqs://eu/123456789012/orders"), want: "url: has no region"},
		"no account":       {o: url("sqs://eu-central-1/shop/orders"), want: "url: has no account of 12 digits"},
		"no queue":         {o: url("sqs://eu-central-1/123456789012"), want: "url: is not sqs://REGION/ACCOUNT/QUEUE"},
		"a port":           {o: url("sqs://eu-central-1:99/123456789012/orders"), want: "url: is not sqs://REGION/ACCOUNT/QUEUE"},
		"a bad queue":      {o: url("sqs://eu-central-1/123456789012/a.b"), want: "url: has no name of a queue"},
		"a login":          {o: url("sqs://me:secret@eu-central-1/123456789012/orders"), want: "url: has a login: set access_key_id"},
		"half a key":       {o: Options{Options: amazon.Options{Access: amazon.Access{AccessKeyID: "x"}}}, want: "access_key_id: access_key_id and secret_access_key go together"},
		"no such secret":   {o: Options{Options: amazon.Options{Access: amazon.Access{AccessKeyID: "x", SecretAccessKey: "${NONE}"}}}, want: "secret_access_key: environment variable NONE is not set"},
		"binary":           {o: Options{Options: amazon.Options{Options: remote.Options{URL: good, Format: remote.FormatCloudEventsBinary}}}, want: "format: can't be cloudevents-binary: a message of SQS has at most 10 attributes"},
		"many headers":     {o: Options{Options: amazon.Options{Options: remote.Options{URL: good, Headers: many}}}, want: "headers: are 6: a message of SQS has at most 10 attributes, of which 5 are free"},
		"a header of AWS":  {o: Options{Options: amazon.Options{Options: remote.Options{URL: good, Headers: map[string]string{"AWS.x": "1"}}}}, want: "headers.AWS.x: can't be the name of an attribute"},
		"an odd header":    {o: Options{Options: amazon.Options{Options: remote.Options{URL: good, Headers: map[string]string{"a~b": "1"}}}}, want: "headers.a~b: can't be the name of an attribute"},
		"an endpoint":      {o: Options{Options: amazon.Options{Access: amazon.Access{Endpoint: "http://127.0.0.1:4566"}}}},
		"a wrong endpoint": {o: Options{Options: amazon.Options{Access: amazon.Access{Endpoint: "127.0.0.1:4566"}}}, want: `endpoint: `},
		"a login there":    {o: Options{Options: amazon.Options{Access: amazon.Access{Endpoint: "http://a:b@x"}}}, want: "endpoint: has a login or a query"},
	} {
		if tt.o.URL == "" {
			tt.o.URL = good
		}
		c := targetstest.Named(Kind(), targets.Config{Options: &tt.o, OrderBy: tt.orderBy})
		c.SetDefaults()
		var got []string
		for _, e := range c.Validate(targetstest.Vars("KEY", "k")) {
			got = append(got, e.Error())
		}
		if text := strings.Join(got, "\n"); tt.want == "" && text != "" || !strings.HasPrefix(text, tt.want) {
			t.Errorf("%s: %q, want %q", name, text, tt.want)
		}
	}
}

func TestTheQueuesURL(t *testing.T) {
	for want, tt := range map[string]struct{ region, endpoint string }{
		"https://sqs.eu-central-1.amazonaws.com/1/q":  {"eu-central-1", ""},
		"https://sqs.cn-north-1.amazonaws.com.cn/1/q": {"cn-north-1", ""},
		"http://127.0.0.1:4566/1/q":                   {"eu-central-1", "http://127.0.0.1:4566/"},
	} {
		caller := &amazon.Caller{}
		if tt.endpoint != "" {
			caller.Endpoint = &tt.endpoint
		}
		if got := newClient(amazon.Place{Region: tt.region, Account: "1", Name: "q"}, caller).URL; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
