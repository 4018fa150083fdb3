package event

import (
	"strings"
	"testing"
)

// TestPutEventsModel holds requests against AWS's service model: what is wrong is said of the request as a whole, all at once, in
// the order of the members.
func TestPutEventsModel(t *testing.T) {
	long := strings.Repeat("é", 2049)
	const refused = "failed to satisfy constraint: Member must"
	bus := func(value, path string) string {
		return `Value '` + value + `' at '` + path + `' ` + refused + ` satisfy regular expression pattern: ` + busPattern
	}
	entry := func(more string) string { return `{"Source":"s","DetailType":"T","Detail":"{}"` + more + `}` }
	for _, test := range []struct{ body, want string }{
		{`{"Entries":[` + entry(`,"EventBusName":"a b"`) + `]}`, `1 validation error detected: ` + bus("a b", "entries.1.member.eventBusName")},
		{`{"Entries":[` + entry(`,"EventBusName":""`) + `]}`,
			`2 validation errors detected: ` + bus("", "entries.1.member.eventBusName") + `; Value '' at 'entries.1.member.eventBusName' ` + refused + ` have length greater than or equal to 1`},
		{`{"Entries":[` + entry("") + `,{"EventBusName":"arn:aws:sqs:eu-west-1:123456789012:q"}]}`, `1 validation error detected: ` + bus("arn:aws:sqs:eu-west-1:123456789012:q", "entries.2.member.eventBusName")},
		{`{"Entries":[` + entry(`,"EventBusName":"`+strings.Repeat("b", 1601)+`"`) + `]}`,
			`1 validation error detected: Value '` + strings.Repeat("b", 1601) + `' at 'entries.1.member.eventBusName' ` + refused + ` have length less than or equal to 1600`},
		{`{"EndpointId":"x","Entries":[` + entry(`,"TraceHeader":"","EventBusName":"a b","Resources":["","`+long+`"]`) + `]}`,
			`4 validation errors detected: Value '` + long + `' at 'entries.1.member.resources.2.member' ` + refused + ` have length less than or equal to 2048; ` + bus("a b", "entries.1.member.eventBusName") +
				`; Value '' at 'entries.1.member.traceHeader' ` + refused + ` have length greater than or equal to 1; ` +
				`Value 'x' at 'endpointId' ` + refused + ` satisfy regular expression pattern: ` + endpointPattern},
		{`{"Entries":[],"EndpointId":"` + strings.Repeat("x", 50) + `.y"}`,
			`2 validation errors detected: Value '[]' at 'entries' ` + refused + ` have length greater than or equal to 1; Value '` + strings.Repeat("x", 50) + `.y' at 'endpointId' ` + refused + ` have length less than or equal to 50`},
		{`{"Entries":[` + entry(`,"TraceHeader":"`+strings.Repeat("t", 501)+`"`) + `]}`,
			`1 validation error detected: Value '` + strings.Repeat("t", 501) + `' at 'entries.1.member.traceHeader' ` + refused + ` have length less than or equal to 500`},
	} {
		_, err := DecodePutEvents([]byte(test.body), Limits{})
		if want := "ValidationException: " + test.want; err == nil || err.Error() != want {
			t.Errorf("%.80s:\ngot  %v\nwant %s", test.body, err, want)
		}
	}
	for _, fine := range []string{
		`"EventBusName":null`, `"EventBusName":"a/b-c_D.9"`, `"EventBusName":"arn:aws:events:local:000000000000:event-bus/aws.partner/a/b"`,
		`"Resources":["","` + strings.Repeat("é", 2048) + `"]`, `"TraceHeader":"` + strings.Repeat("é", 500) + `"`,
	} {
		batch, err := DecodePutEvents([]byte(`{"EndpointId":null,"Entries":[`+entry(","+fine)+`]}`), Limits{})
		if err != nil || batch.Refused != nil {
			t.Errorf("%.80s: %v, %v", fine, err, batch.Refused)
		}
	}
}
