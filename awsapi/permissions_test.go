package awsapi

import (
	"strings"
	"testing"
)

// TestPermissions holds policies to what AWS was recorded to show.
func TestPermissions(t *testing.T) {
	r := startWith(t, "buses: {filed: {}}\nrules: []\n")
	r.answer(t, "CreateEventBus", `{"Name":"b"}`)
	policyOf := func(statements ...string) string {
		return `"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[` + strings.ReplaceAll(strings.Join(statements, ","), `"`, `\"`) + `]}"`
	}
	grant := func(sid, who string) string {
		return `{"Sid":"` + sid + `","Effect":"Allow","Principal":` + who + `,"Action":"events:PutEvents","Resource":"` + arnOf + `event-bus/b"}`
	}
	one := grant("one", `{"AWS":"arn:aws:iam::111111111111:root"}`)
	put := func(sid, principal string) string {
		return `{"EventBusName":"b","Action":"events:PutEvents","Principal":"` + principal + `","StatementId":"` + sid + `"}`
	}
	const own = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow"}}`
	for i, test := range []struct{ operation, body, want, policy string }{
		{"PutPermission", put("one", "111111111111"), "", policyOf(one)},
		{"PutPermission", put("two", "*"), "", policyOf(one, grant("two", `"*"`))},
		{"PutPermission", put("two", "111111111111"), "", policyOf(one, grant("two", `{"AWS":"arn:aws:iam::111111111111:root"}`))},
		{"RemovePermission", `{"EventBusName":"b","StatementId":"one"}`, "", policyOf(grant("two", `{"AWS":"arn:aws:iam::111111111111:root"}`))},
		{"RemovePermission", `{"EventBusName":"b","StatementId":"one"}`, "ResourceNotFoundException: Statement with the provided id does not exist.", policyOf(grant("two", `{"AWS":"arn:aws:iam::111111111111:root"}`))},
		{"PutPermission", `{"EventBusName":"b","Policy":"` + strings.ReplaceAll(own, `"`, `\"`) + `"}`, "", `"Policy":"` + strings.ReplaceAll(own, `"`, `\"`) + `"`},
		{"PutPermission", put("one", "*"), "ValidationException: The policy of event bus b has no list of statements: put it as a whole.", `"Policy":"`},
		{"RemovePermission", `{"EventBusName":"b","RemoveAllPermissions":true}`, "", ""},
		{"RemovePermission", `{"EventBusName":"b","RemoveAllPermissions":true}`, "", ""},
		{"RemovePermission", `{"EventBusName":"b","StatementId":"one"}`, "ResourceNotFoundException: Statement with the provided id does not exist.", ""},
		{"PutPermission", `{"EventBusName":"b"}`, "ValidationException: Parameter StatementId is required.", ""},
		{"PutPermission", `{"EventBusName":"b","Policy":"x"}`, "ValidationException: Parameter Policy is not valid. Reason: it is no policy in JSON.", ""},
		{"PutPermission", strings.Replace(put("one", "*"), `"b"`, `"x"`, 1), "ResourceNotFoundException: Event bus x does not exist.", ""},
		{"RemovePermission", `{"EventBusName":"x","StatementId":"one"}`, "ResourceNotFoundException: Event bus x does not exist.", ""},
		{"PutPermission", put("o e", "12"), "ValidationException: 2 validation errors detected: Value '12' at 'principal' failed to satisfy constraint: Member must satisfy regular expression pattern: " +
			`(\d{12}|\*); Value 'o e' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+`, ""},
		{"PutPermission", strings.Replace(put("one", "*"), `"b"`, `"filed"`, 1), "ManagedRuleException: Event bus filed is managed by the rule files: change it there.", ""},
	} {
		if got := r.answer(t, test.operation, test.body); got != test.want {
			t.Errorf("%d: %s %s:\ngot  %s\nwant %s", i, test.operation, test.body, got, test.want)
		}
		described := r.answer(t, "DescribeEventBus", `{"Name":"b"}`)
		if !strings.Contains(described, test.policy) || test.policy == "" && strings.Contains(described, "Policy") {
			t.Errorf("%d: described as %s, want %s", i, described, test.policy)
		}
	}
	if got := r.answer(t, "PutPermission", strings.Replace(put("one", "*"), `"EventBusName":"b",`, "", 1)); got != "" || !strings.Contains(r.answer(t, "DescribeEventBus", `{}`), `"Policy":"`) {
		t.Errorf("on the default bus: %s", got)
	}
}
