package api_test

import "testing"

func TestSources(t *testing.T) {
	w := newWorld(t)
	w.ask("GET", "/v1/sources", "", 200, `"name":"broker"`)
	w.ask("GET", "/v1/sources/broker", "", 200, `"type":"nats"`)
	w.ask("POST", "/v1/sources/broker/pause", "", 200, `"state":"paused"`)
	w.ask("POST", "/v1/sources/broker/resume", "", 200, `"name":"broker"`)
	w.ask("GET", "/v1/sources/brokre", "", 404, `did you mean \"broker\"?`)
	w.ask("POST", "/v1/sources/brokre/pause", "", 404, `did you mean \"broker\"?`)
}
