// Package kinds is the table of the kinds of target that a configuration can name. A new
// kind is a package beside the others, and a line here.
package kinds

import (
	"signalbox/targets"
	"signalbox/targets/bus"
	"signalbox/targets/http"
	"signalbox/targets/kafka"
	"signalbox/targets/log"
	"signalbox/targets/nats"
	"signalbox/targets/postgres"
	"signalbox/targets/rabbitmq"
	"signalbox/targets/redis"
	"signalbox/targets/sns"
	"signalbox/targets/sqs"
)

// All returns the kinds.
func All() targets.Kinds {
	return targets.Kinds{
		http.Kind(),
		nats.Kind(),
		rabbitmq.Kind(),
		redis.Kind(),
		kafka.Kind(),
		sqs.Kind(),
		sns.Kind(),
		postgres.Kind(),
		log.Kind(),
		bus.Kind(),
	}
}
