package awsapi

import (
	"strings"
	"testing"
)

// TestTargetsAreReadBack: what was put is listed as it was, whatever it means here.
func TestTargetsAreReadBack(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
	r := startWith(t, "targets: {t: {type: log, arn: \""+arn+"\"}}\n")
	const tail = `,"RoleArn":"arn:aws:iam::123456789012:role/r"`
	all := []string{
		`{"Id":"a.-_9","Arn":"` + arn + `"` + tail + `,"Input":"{\"<\":\"${x} & é\"}","KinesisParameters":{"PartitionKeyPath":"$.detail.id"},"RunCommandParameters":{"RunCommandTargets":[{"Key":"tag:env","Values":["a","b"]}]}}`,
		`{"Id":"b","Arn":"` + arn + `","EcsParameters":{"TaskDefinitionArn":"arn:t","TaskCount":2,"LaunchType":"FARGATE","NetworkConfiguration":{"awsvpcConfiguration":{"Subnets":["s"],"SecurityGroups":[],"AssignPublicIp":"ENABLED"}},` +
			`"PlatformVersion":"1","Group":"g","CapacityProviderStrategy":[{"capacityProvider":"c","weight":1,"base":0}],"EnableECSManagedTags":false,"EnableExecuteCommand":true,` +
			`"PlacementConstraints":[{"type":"memberOf","expression":"e"}],"PlacementStrategy":[{"type":"spread","field":"f"}],"PropagateTags":"TASK_DEFINITION","ReferenceId":"r","Tags":[{"Key":"k","Value":"v"}]}}`,
		`{"Id":"c","Arn":"` + arn + `","InputPath":"$.detail","BatchParameters":{"JobDefinition":"d","JobName":"n","ArrayProperties":{"Size":2},"RetryStrategy":{"Attempts":1}},"SqsParameters":{"MessageGroupId":"g"}}`,
		`{"Id":"d","Arn":"` + arn + `","RedshiftDataParameters":{"SecretManagerArn":"$.detail.secret","Database":"db","DbUser":"u","Sql":"select 1","StatementName":"s","WithEvent":true,"Sqls":[]},` +
			`"SageMakerPipelineParameters":{"PipelineParameterList":[{"Name":"n","Value":"v"}]},"AppSyncParameters":{"GraphQLOperation":"query { a }"}}`,
		`{"Id":"e","Arn":"` + arn + `","InputTransformer":{"InputPathsMap":{"a":"$.detail.a","b":"$.b"},"InputTemplate":"{\"a\": <a>}"},"RetryPolicy":{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60}}`,
	}
	r.exchange(t,
		exchange{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`, `{"RuleArn":"` + arnOf + `rule/r"}`},
		exchange{"PutRule", `{"Name":"other","EventPattern":"{\"source\":[\"a\"]}"}`, `{"RuleArn":"` + arnOf + `rule/other"}`},
		exchange{"PutTargets", `{"Rule":"r","Targets":[` + strings.Join([]string{all[4], all[2], all[0], all[3], all[1]}, ",") + `]}`, none},
		exchange{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[` + strings.Join(all, ",") + `]}`},
		// The same id on another rule, and the same ARN twice on one.
		exchange{"PutTargets", `{"Rule":"other","Targets":[{"Id":"b","Arn":"` + arn + `"}]}`, none},
		exchange{"PutTargets", `{"Rule":"other","Targets":[{"Id":"c","Arn":"` + arn + `"}]}`, none},
		exchange{"ListTargetsByRule", `{"Rule":"other"}`, `{"Targets":[{"Id":"b","Arn":"` + arn + `"},{"Id":"c","Arn":"` + arn + `"}]}`},
		exchange{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[` + strings.Join(all, ",") + `]}`},
		exchange{"ListRuleNamesByTarget", `{"TargetArn":"` + arn + `"}`, `{"RuleNames":["other","r"]}`},
	)
}

// TestRefusedTargets: what the model does not allow makes a call invalid as a whole, so nothing of it is put.
func TestRefusedTargets(t *testing.T) {
	r := startWith(t, "rules: []\n")
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`)
	const arn, refused = "arn:aws:sqs:eu-west-1:123456789012:q", " failed to satisfy constraint: Member must "
	long := strings.Repeat("x", 8193)
	for entry, want := range map[string]string{
		`{"Id":"","Arn":""}`: `3 validation errors detected: Value '' at 'targets.2.member.id'` + refused + `satisfy regular expression pattern: [\.\-_A-Za-z0-9]+; ` +
			`Value '' at 'targets.2.member.id'` + refused + `have length greater than or equal to 1; Value '' at 'targets.2.member.arn'` + refused + `have length greater than or equal to 1`,
		`{}`: `2 validation errors detected: Value null at 'targets.2.member.id'` + refused + `not be null; Value null at 'targets.2.member.arn'` + refused + `not be null`,
		`{"Id":"b","Arn":"` + arn + `","Input":"` + long + `"}`:                                  `1 validation error detected: Value '` + long + `' at 'targets.2.member.input'` + refused + `have length less than or equal to 8192`,
		`{"Id":"b","Arn":"` + arn + `","InputTransformer":{}}`:                                   `1 validation error detected: Value null at 'targets.2.member.inputTransformer.inputTemplate'` + refused + `not be null`,
		`{"Id":"b","Arn":"` + arn + `","RetryPolicy":{"MaximumRetryAttempts":186}}`:              `1 validation error detected: Value '186' at 'targets.2.member.retryPolicy.maximumRetryAttempts'` + refused + `have value less than or equal to 185`,
		`{"Id":"b","Arn":"` + arn + `","RetryPolicy":{"MaximumEventAgeInSeconds":59}}`:           `1 validation error detected: Value '59' at 'targets.2.member.retryPolicy.maximumEventAgeInSeconds'` + refused + `have value greater than or equal to 60`,
		`{"Id":"b","Arn":"` + arn + `","SqsParameters":{"MessageGroupId":"` + long[:101] + `"}}`: `1 validation error detected: Value '` + long[:101] + `' at 'targets.2.member.sqsParameters.messageGroupId'` + refused + `have length less than or equal to 100`,
		`{"Id":"b","Arn":"` + arn + `","EcsParameters":{"TaskCount":0,"LaunchType":"X"}}`: `3 validation errors detected: Value null at 'targets.2.member.ecsParameters.taskDefinitionArn'` + refused + `not be null; ` +
			`Value '0' at 'targets.2.member.ecsParameters.taskCount'` + refused + `have value greater than or equal to 1; ` +
			`Value 'X' at 'targets.2.member.ecsParameters.launchType'` + refused + `satisfy enum value set: [EC2, FARGATE, EXTERNAL]`,
		`{"Id":"b","Arn":"` + arn + `","RedshiftDataParameters":{"Database":"d","Sql":""}}`: `1 validation error detected: Value '***Sensitive Data Redacted***' at 'targets.2.member.redshiftDataParameters.sql'` + refused + `have length greater than or equal to 1`,
	} {
		r.exchange(t, exchange{"PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"` + arn + `"},` + entry + `]}`, "ValidationException: " + want})
	}
	r.exchange(t,
		exchange{"RemoveTargets", `{"Rule":"r","Ids":["a","b c"]}`, `ValidationException: 1 validation error detected: Value 'b c' at 'ids.2.member'` + refused + `satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`},
		exchange{"RemoveTargets", `{"Rule":"r","Ids":[]}`, `ValidationException: 1 validation error detected: Value '[]' at 'ids'` + refused + `have length greater than or equal to 1`},
		exchange{"RemoveTargets", `{"Rule":"r"}`, `ValidationException: 1 validation error detected: Value null at 'ids'` + refused + `not be null`},
		exchange{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[]}`},
	)
}
