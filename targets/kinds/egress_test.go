package kinds

import (
	"errors"
	"testing"

	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/egress"
	"signalbox/targets/kafka"
	"signalbox/targets/nats"
	"signalbox/targets/postgres"
	"signalbox/targets/rabbitmq"
	"signalbox/targets/redis"
	"signalbox/targets/remote"
	"signalbox/targets/sns"
	"signalbox/targets/sqs"
	"signalbox/targets/targetstest"
)

// TestEgress: no kind of queue connects to where the policy forbids it, or to where clouds give
// credentials.
func TestEgress(t *testing.T) {
	private, err := egress.New(egress.Policy{Deny: []string{egress.Private}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		kind    *targets.Kind
		options func(host string) targets.Options
	}{
		"nats": {nats.Kind(), func(host string) targets.Options {
			return &nats.Options{Options: remote.Options{URL: "nats://" + host + ":1"}, Subject: "s"}
		}},
		"rabbitmq": {rabbitmq.Kind(), func(host string) targets.Options {
			return &rabbitmq.Options{Options: remote.Options{URL: "amqp://" + host + ":1"}, RoutingKey: "q"}
		}},
		"redis": {redis.Kind(), func(host string) targets.Options {
			return &redis.Options{Options: remote.Options{URL: "redis://" + host + ":1"}, Stream: "s"}
		}},
		"kafka": {kafka.Kind(), func(host string) targets.Options {
			return &kafka.Options{Options: remote.Options{URL: "kafka://" + host + ":1"}, Topic: "t"}
		}},
		"postgres": {postgres.Kind(), func(host string) targets.Options {
			return &postgres.Options{Options: remote.Options{URL: "postgres://u@" + host + ":1/d"}, Table: "t"}
		}},
		"sqs": {sqs.Kind(), func(host string) targets.Options {
			return &sqs.Options{Options: atAmazon("sqs", host)}
		}},
		"sns": {sns.Kind(), func(host string) targets.Options {
			return &sns.Options{Options: atAmazon("sns", host)}
		}},
	} {
		for _, at := range []struct {
			host  string
			guard *egress.Guard
		}{{"169.254.169.254", nil}, {"[::ffff:169.254.169.254]", nil}, {"[fd00:ec2::254]", private}, {"127.0.0.1", private}, {"localhost", private}} {
			t.Run(name+" to "+at.host, func(t *testing.T) {
				c := targets.Config{Options: tt.options(at.host)}
				c.SetDefaults()
				e := targetstest.Error(t, targetstest.Open(t, tt.kind, c, targets.Env{Egress: at.guard}).Deliver(t.Context(), targetstest.Delivery()))
				if !errors.Is(e, egress.ErrDenied) || e.Final {
					t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
				}
			})
		}
	}
}

func atAmazon(service, host string) amazon.Options {
	return amazon.Options{
		Options: remote.Options{URL: service + "://eu-central-1/123456789012/orders"},
		Access:  amazon.Access{Endpoint: "http://" + host + ":1", AccessKeyID: "id", SecretAccessKey: "key"},
	}
}
