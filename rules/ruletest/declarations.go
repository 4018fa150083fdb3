package ruletest

import "signalbox/document"

// Declarations returns what the parts of a test file are decoded into, by what the tag holds:
// calls them.
func Declarations() map[string]any {
	return map[string]any{"file": &fileDraft{}, "rule test": &testDraft{}, "expect": &expectDraft{}, "webhook": &webhookDraft{}}
}

// fileDraft is a test file as it stands there, and the other drafts are its parts.
type fileDraft struct {
	// Rules are the rule files that are under test, by paths that start at the test file. Without
	// them, all rules of the configuration are.
	Rules []string       `yaml:"rules" example:"[orders.yaml]"`
	Tests *document.Node `yaml:"tests" holds:"rule tests" required:"true" example:"[{name: a test, event: event.json, expect: none}]"` // what is tried, in order
}

type testDraft struct {
	// Name tells what the test shows. No other test of the file has it.
	Name document.Located[string] `yaml:"name" required:"true" example:"a big order goes to the warehouse"`
	// Bus is the bus that the event comes in on. Without it, it is the default one.
	Bus string `yaml:"bus" example:"default"`
	// Event is the event, in any form of JSON that a producer may send, or the path of a JSON file that
	// has one, which starts at the test file.
	Event *document.Node `yaml:"event" holds:"event" required:"true" instead:"webhook" example:"{source: shop.orders, detail-type: OrderCreated, detail: {id: o-1, total: 250}}"`
	// Webhook is a request to a hook, which makes the event of it. It stands in the place of Event and Bus.
	Webhook *document.Node `yaml:"webhook" holds:"webhook" with:"{event: null}"`
	// Expect is what is to become of the event: the rules that match, or a mapping of what is
	// checked, or none for no rule at all.
	Expect *document.Node `yaml:"expect" holds:"expect" required:"true"`
}

type webhookDraft struct {
	// Hook is the name of a hook.
	Hook document.Located[string] `yaml:"hook" required:"true" example:"github"`
	// Request is the path of a file with an HTTP request, which starts at the test file. Its
	// signature is not checked.
	Request document.Located[string] `yaml:"request" required:"true" example:"deliveries/github.http"`
}

type expectDraft struct {
	// Rules are the rules that match, shadow ones among them, in any order.
	Rules *document.Node `yaml:"rules" holds:"names or none" example:"[big-orders-to-warehouse]"`
	// Targets are the targets that get the event, once for each delivery, in any order.
	Targets *document.Node `yaml:"targets" holds:"names or none" example:"[warehouse, log]"`
	// Bodies are what targets are sent: by the target, or by rule/target where several rules send to
	// it. A text is compared as text, and as JSON where it is JSON; anything else as JSON.
	Bodies *document.Node `yaml:"bodies" holds:"bodies" example:"{warehouse: {order: o-1}}"`
}
