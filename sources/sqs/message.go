package sqs

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/sources"
)

// message returns a message of a queue. Its tag is what it is deleted by.
func message(queue, origin string, m *types.Message) sources.Message {
	out := sources.Message{
		Headers: make(map[string]string, len(m.MessageAttributes)+2), Body: []byte(aws.ToString(m.Body)),
		Subject: queue, Origin: origin, ID: text(m.MessageId), Tag: m.ReceiptHandle,
	}
	for name, a := range m.MessageAttributes {
		value := text(a.StringValue)
		if a.StringValue == nil {
			value = strings.ToValidUTF8(string(a.BinaryValue), "\ufffd")
		}
		out.Headers[strings.ToLower(name)] = value
	}
	for attribute, header := range map[types.MessageSystemAttributeName]string{
		types.MessageSystemAttributeNameAWSTraceHeader: "x-amzn-trace-id",
		types.MessageSystemAttributeNameMessageGroupId: "message-group-id",
	} {
		if value := m.Attributes[string(attribute)]; value != "" {
			out.Headers[header] = value
		}
	}
	sent := m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)]
	if millis, err := strconv.ParseInt(sent, 10, 64); err == nil {
		out.Time = time.UnixMilli(millis).UTC()
	}
	return out
}

func text(s *string) string { return strings.ToValidUTF8(aws.ToString(s), "\ufffd") }
