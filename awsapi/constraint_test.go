package awsapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"signalbox/event"
)

const ownBus = "arn:aws:events:local:000000000000:event-bus/"

// TestConstraints holds the texts to those that AWS was recorded to answer.
func TestConstraints(t *testing.T) {
	long := strings.Repeat("x", 65)
	name := `[\.\-_A-Za-z0-9]+`
	for _, test := range []struct{ name, operation, body, want string }{
		{"pattern of a target's id", "PutTargets", `{"Rule":"r","Targets":[{"Id":"!@#$@!#$","Arn":"a"}]}`,
			"1 validation error detected: Value '!@#$@!#$' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: " + name},
		{"length of a target's id", "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a"},{"Id":"` + long + `","Arn":"a"}]}`,
			"1 validation error detected: Value '" + long + "' at 'targets.2.member.id' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"pattern before length, and members in order", "CreateConnection",
			`{"AuthParameters":{},"AuthorizationType":"INVALID","Name":"This should fail with two errors 123467890123412341234123412341234"}`,
			"3 validation errors detected: " +
				"Value 'This should fail with two errors 123467890123412341234123412341234' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: " + name + "; " +
				"Value 'This should fail with two errors 123467890123412341234123412341234' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64; " +
				"Value 'INVALID' at 'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"},
		{"an ARN and an enum", "CreateApiDestination",
			`{"Name":"n","ConnectionArn":"invalid-connection-arn","HttpMethod":"INVALID_METHOD","InvocationEndpoint":"invalid-endpoint"}`,
			"2 validation errors detected: " +
				`Value 'invalid-connection-arn' at 'connectionArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$; ` +
				"Value 'INVALID_METHOD' at 'httpMethod' failed to satisfy constraint: Member must satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]"},
		{"a list as Java prints it", "PutTargets", `{"Rule":"r","Targets":[]}`,
			"1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"structures as Java prints them", "PutPartnerEvents", `{"Entries":[` + strings.Repeat(`{"Source":"aws.partner/a/b","Resources":["r"]},`, 20) + `{}]}`,
			"1 validation error detected: Value '[" + strings.Repeat("PutPartnerEventsRequestEntry(time=null, source=aws.partner/a/b, resources=[r], detailType=null, detail=null), ", 20) +
				"PutPartnerEventsRequestEntry(time=null, source=null, resources=null, detailType=null, detail=null)]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 20"},
		{"what is missing", "PutRule", `{"Name":null,"State":"off"}`,
			"2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; " +
				"Value 'off' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
		{"a number", "ListRules", `{"Limit":101}`,
			"1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"},
		{"a value of a map", "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","HttpParameters":{"HeaderParameters":{"X":"é"}}}]}`,
			`1 validation error detected: Value 'é' at 'targets.1.member.httpParameters.headerParameters.X.member' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$`},
		{"a secret", "CreateConnection", `{"Name":"n","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"a\nb"}}}`,
			"1 validation error detected: Value '***Sensitive Data Redacted***' at 'authParameters.basicAuthParameters.password' failed to satisfy constraint: Member must satisfy regular expression pattern: " + `^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`},
		{"blank", "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","HttpParameters":{"PathParameterValues":[" "]}}]}`,
			`1 validation error detected: Value ' ' at 'targets.1.member.httpParameters.pathParameterValues.1.member' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?!\s*$).+`},
		{"tags, some of which have faults", "TagResource", `{"ResourceARN":"","Tags":[{"Key":"","Value":null},{"Key":"k","Value":"` + strings.Repeat("é", 257) + `"},{"Key":"` + strings.Repeat("😀", 64) + `","Value":"` + strings.Repeat("😀", 129) + `"},null,{}]}`,
			"8 validation errors detected: Value '' at 'resourceARN' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
				"Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
				"Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null; " +
				"Value '" + strings.Repeat("é", 257) + "' at 'tags.2.member.value' failed to satisfy constraint: Member must have length less than or equal to 256; " +
				"Value '" + strings.Repeat("😀", 129) + "' at 'tags.3.member.value' failed to satisfy constraint: Member must have length less than or equal to 256; " +
				"Value null at 'tags.4.member' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'tags.5.member.key' failed to satisfy constraint: Member must not be null; " +
				"Value null at 'tags.5.member.value' failed to satisfy constraint: Member must not be null"},
		{"lists in structures in lists", "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","RunCommandParameters":{"RunCommandTargets":[{"Key":"k","Values":[]},{"Key":"!","Values":["v",""]}]},"RetryPolicy":{"MaximumRetryAttempts":-1,"MaximumEventAgeInSeconds":86401},"Unknown":{"Id":1}}]}`,
			"5 validation errors detected: Value '[]' at 'targets.1.member.runCommandParameters.runCommandTargets.1.member.values' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
				`Value '!' at 'targets.1.member.runCommandParameters.runCommandTargets.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$; ` +
				"Value '' at 'targets.1.member.runCommandParameters.runCommandTargets.2.member.values.2.member' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
				"Value '-1' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value greater than or equal to 0; " +
				"Value '86401' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value less than or equal to 86400"},
		{"what structures in structures miss", "StartReplay", `{"ReplayName":"r","EventSourceArn":"x","EventStartTime":0,"EventEndTime":1767323045.678,"Destination":{"FilterArns":[""]}}`,
			`3 validation errors detected: Value 'x' at 'eventSourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:.+\/.+$; ` +
				"Value null at 'destination.arn' failed to satisfy constraint: Member must not be null; " +
				"Value '' at 'destination.filterArns.1.member' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"entries of a map", "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","InputTransformer":{"InputPathsMap":{` + paths(101) + `},"InputTemplate":"x"}}]}`,
			"1 validation error detected: Value '{" + strings.NewReplacer(`"`, "", ":", "=", ",", ", ").Replace(paths(101)) + "}' at 'targets.1.member.inputTransformer.inputPathsMap' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{"a bus of another form", "DescribeRule", `{"Name":"r","EventBusName":"arn:aws:events:x:1:event-bus/b"}`,
			`1 validation error detected: Value 'arn:aws:events:x:1:event-bus/b' at 'eventBusName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := check(model()[test.operation], []byte(test.body), ownBus)
			if got := messageOf(t, err, event.CodeValidation); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// paths are the entries of an InputPathsMap, in their order.
func paths(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"p%03d":"$.p"`, i)
	}
	return strings.Join(all, ",")
}

// messageOf returns the message of an error of a code.
func messageOf(t *testing.T, err error, code string) string {
	t.Helper()
	var refused *event.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("got %v, want a %s", err, code)
	}
	return refused.Message
}

func TestMistyped(t *testing.T) {
	for body, want := range map[string]string{
		`{"Name":1}`:              "NUMBER_VALUE can not be converted to a String",
		`{"Name":["r"]}`:          "START_ARRAY can not be converted to a String",
		`{"Name":"r","Tags":{}}`:  "START_OBJECT can not be converted to a list",
		`{"Name":"r","Tags":[1]}`: "NUMBER_VALUE can not be converted to a structure",
		`[]`:                      "START_ARRAY can not be converted to a structure",
		`{"Name":`:                "the body is not valid JSON: unexpected EOF",
		`{"Name":"r"} 1`:          "the body is not valid JSON: something follows its end",
	} {
		_, err := check(model()["PutRule"], []byte(body), ownBus)
		if got := messageOf(t, err, event.CodeSerialization); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	for _, moment := range []string{"1e400", "1e300", "-1e12", `"2026-01-01T00:00:00Z"`} {
		_, err := check(model()["StartReplay"], []byte(`{"EventStartTime":`+moment+`}`), ownBus)
		if got := messageOf(t, err, event.CodeSerialization); !strings.HasSuffix(got, "_VALUE can not be converted to a Timestamp") {
			t.Errorf("%s: got %q", moment, got)
		}
	}
}

// TestFaultsAreBounded: the answer about a request that is wrong everywhere is not a multiple of it.
func TestFaultsAreBounded(t *testing.T) {
	const n = 100_000
	for name, body := range map[string]string{
		"a list that is too long":   `{"Rule":"r","Targets":[` + strings.Repeat(`{},`, n) + `{}]}`,
		"a map that has too much":   `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","InputTransformer":{"InputTemplate":"x","InputPathsMap":{` + paths(n) + `}}}]}`,
		"lists in lists, too often": `{"Rule":"r","Targets":[` + strings.Repeat(`{"Id":"a","Arn":"a","EcsParameters":{"TaskDefinitionArn":"a","PlacementStrategy":[`+strings.Repeat(`{},`, 999)+`{}]}},`, 99) + `{}]}`,
	} {
		_, err := check(model()["PutTargets"], []byte(body), ownBus)
		if got := messageOf(t, err, event.CodeValidation); len(got) > 2*maxTold {
			t.Errorf("%s: %d bytes: %.200s", name, len(got), got)
		}
	}
}

// TestClean: what is unknown or null goes, what is written twice counts once, and members stand as the model has them.
func TestClean(t *testing.T) {
	body := `{"Unknown":{},"name":"x","EventBusName":"` + ownBus + `a/b","EventPattern":"{\"a\":[\"<é>\"]}","Name":"first","Description":null,"Name":"last"}`
	got, err := check(model()["PutRule"], []byte(body), ownBus)
	if want := `{"Name":"last","EventPattern":"{\"a\":[\"<é>\"]}","EventBusName":"` + ownBus + `a/b"}`; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestModel(t *testing.T) {
	if n := len(model()); n != 57 {
		t.Errorf("the model has %d operations, EventBridge 57", n)
	}
	for name := range operations {
		if model()[name] == nil {
			t.Errorf("%s is answered, and not in the model", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"a","InputTransformer":{"InputPathsMap":{"a":"$"},"InputTemplate":"<a>"}}]}`)
	f.Add("PutEvents", `{"Entries":[[],{"Resources":{}}]}`)
	f.Fuzz(func(t *testing.T, operation, body string) {
		input := model()[operation]
		if input == nil {
			t.Skip()
		}
		clean, err := check(input, []byte(body), ownBus)
		if err != nil {
			return
		}
		again, err := check(input, clean, ownBus)
		if err != nil || string(again) != string(clean) || !json.Valid(clean) {
			t.Errorf("%s: %s became %s, %v", body, clean, again, err)
		}
	})
}
