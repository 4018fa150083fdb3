package awsapi

import "testing"

// TestTags holds tags of rules and buses to what AWS was recorded to answer.
func TestTags(t *testing.T) {
	r := startWith(t, "rules: []\n")
	const pattern = `"EventPattern":"{\"source\":[\"a\"]}"`
	for _, of := range []struct{ arn, create, created, remove, body, gone string }{
		{arnOf + "event-bus/b", "CreateEventBus", `{"EventBusArn":"` + arnOf + `event-bus/b"}`, "DeleteEventBus", `"Name":"b"`, "Event bus b does not exist."},
		{arnOf + "rule/r", "PutRule", `{"RuleArn":"` + arnOf + `rule/r"}`, "DeleteRule", `"Name":"r",` + pattern, "Rule r does not exist on EventBus default."},
	} {
		on := func(more string) string { return `{"ResourceARN":"` + of.arn + `"` + more + `}` }
		tags := func(want string) exchange { return exchange{"ListTagsForResource", on(""), `{"Tags":[` + want + `]}`} }
		gone := []exchange{
			{"ListTagsForResource", on(""), "ResourceNotFoundException: " + of.gone},
			{"TagResource", on(`,"Tags":[{"Key":"k","Value":"v"}]`), "ResourceNotFoundException: " + of.gone},
			{"UntagResource", on(`,"TagKeys":["k"]`), "ResourceNotFoundException: " + of.gone},
		}
		r.exchange(t, gone...)
		r.exchange(t,
			exchange{of.create, `{` + of.body + `,"Tags":[{"Key":"z","Value":"1"},{"Key":"a","Value":""}]}`, of.created},
			tags(`{"Key":"z","Value":"1"},{"Key":"a","Value":""}`),
			exchange{"TagResource", on(`,"Tags":[{"Key":"m","Value":"3"},{"Key":"z","Value":"2"}]`), "{}"},
			tags(`{"Key":"z","Value":"2"},{"Key":"a","Value":""},{"Key":"m","Value":"3"}`),
			exchange{"UntagResource", on(`,"TagKeys":["a","none"]`), "{}"},
			tags(`{"Key":"z","Value":"2"},{"Key":"m","Value":"3"}`),
			exchange{"UntagResource", on(`,"TagKeys":["none"]`), "{}"},
			exchange{of.remove, `{` + of.body + `}`, ""},
		)
		r.exchange(t, gone...)
		r.exchange(t, exchange{of.create, `{` + of.body + `}`, of.created}, tags(""))
		const refused = " failed to satisfy constraint: Member must "
		r.exchange(t,
			exchange{of.create, `{"Name":"new",` + pattern + `,"Tags":[{"Key":"k","Value":"v"},{"Key":"k","Value":"w"}]}`, "ValidationException: Invalid parameter: Duplicated keys are not allowed."},
			exchange{"TagResource", on(`,"Tags":[{"Key":"","Value":"v"},{"Value":"v"},{"Key":"k"}]`), "ValidationException: 3 validation errors detected: " +
				"Value '' at 'tags.1.member.key'" + refused + "have length greater than or equal to 1; Value null at 'tags.2.member.key'" + refused + "not be null; Value null at 'tags.3.member.value'" + refused + "not be null"},
			exchange{"TagResource", on(""), "ValidationException: 1 validation error detected: Value null at 'tags'" + refused + "not be null"},
			exchange{"UntagResource", on(`,"TagKeys":["k",""]`), "ValidationException: 1 validation error detected: Value '' at 'tagKeys.2.member'" + refused + "have length greater than or equal to 1"},
		)
	}
}
