// Package awsapi answers the operations of EventBridge's own API about rules, targets, buses and
// tags, so that AWS's SDKs and tools show them.
package awsapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"signalbox/auth"
	"signalbox/event"
	"signalbox/rules"
)

// Options are what the API works with. All are required.
type Options struct {
	// Rules returns the Set that serves.
	Rules func() *rules.Set
	// Account and Region are those of ARNs here.
	Account, Region string
	// Since is when the router began to serve: the time of what has none of its own.
	Since time.Time
}

// API answers operations. It is safe for concurrent use.
type API struct{ opts Options }

// New returns an API.
func New(opts Options) *API { return &API{opts} }

// operation is one that is answered.
type operation struct {
	right  auth.Right
	answer func(a *API, request []byte) (any, error)
}

// operations are all that are answered here; PutEvents and TestEventPattern are elsewhere.
var operations = map[string]operation{
	"DescribeEventBus":      {auth.Read, answers((*API).describeEventBus)},
	"DescribeRule":          {auth.Read, answers((*API).describeRule)},
	"ListEventBuses":        {auth.Read, answers((*API).listEventBuses)},
	"ListRuleNamesByTarget": {auth.Read, answers((*API).listRuleNamesByTarget)},
	"ListRules":             {auth.Read, answers((*API).listRules)},
	"ListTagsForResource":   {auth.Read, answers((*API).listTagsForResource)},
	"ListTargetsByRule":     {auth.Read, answers((*API).listTargetsByRule)},
}

// answers returns what decodes a request, which has been checked, for an operation.
func answers[Request any](f func(*API, *Request) (any, error)) func(*API, []byte) (any, error) {
	return func(a *API, request []byte) (any, error) {
		var in Request
		if err := json.Unmarshal(request, &in); err != nil {
			return nil, fmt.Errorf("a checked request can't be decoded: %w", err)
		}
		return f(a, &in)
	}
}

// Right returns what a key must be allowed for an operation; it is empty for one that is not
// answered here.
func (a *API) Right(operation string) auth.Right { return operations[operation].right }

// Call answers an operation with what becomes the body in JSON, nil for an empty one. An error that
// is meant for the caller is an *event.Error.
func (a *API) Call(_ *http.Request, name string, body []byte) (any, error) {
	request, err := check(model()[name], body, a.busARN(""))
	if err != nil {
		return nil, err
	}
	return operations[name].answer(a, request)
}

// notFound is a ResourceNotFoundException.
func notFound(format string, args ...any) error {
	return &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf(format, args...)}
}
