package targetstest

import (
	"testing"

	"signalbox/targets/internal/servers"
)

// StartRedis starts a Redis server, with more of its options.
func StartRedis(t testing.TB, args ...string) *servers.Redis {
	t.Helper()
	return servers.StartRedis(t, args...)
}

// StartRabbitMQ starts a RabbitMQ server. Config is more of rabbitmq.conf.
func StartRabbitMQ(t testing.TB, config string) *servers.RabbitMQ {
	t.Helper()
	return servers.StartRabbitMQ(t, config)
}

// StartFauxQS starts a server that speaks the protocol of Amazon SQS.
func StartFauxQS(t testing.TB) *servers.FauxQS {
	t.Helper()
	return servers.StartFauxQS(t)
}

// StartSelf starts the test program again, with more of an environment in which its TestMain is a
// server at an address. It returns what kills it.
func StartSelf(t testing.TB, address string, env ...string) (kill func()) {
	t.Helper()
	return servers.StartSelf(t, address, env...)
}
