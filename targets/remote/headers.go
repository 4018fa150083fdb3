package remote

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"signalbox/event"
)

// The headers that a delivery carries, in Go's canonical spelling.
const (
	headerDeliveryID       = "X-Signalbox-Delivery-Id"
	headerBatchID          = "X-Signalbox-Batch-Id"
	headerBatchSize        = "X-Signalbox-Batch-Size"
	headerDeliveryIDs      = "X-Signalbox-Delivery-Ids"
	headerIdempotencyKey   = "Idempotency-Key"
	headerEventID          = "X-Signalbox-Event-Id"
	headerAttempt          = "X-Signalbox-Attempt"
	headerRule             = "X-Signalbox-Rule"
	headerSynthetic        = "X-Signalbox-Synthetic"
	headerReplay           = "X-Signalbox-Replay"
	headerCorrelationID    = "X-Correlation-Id"
	headerTraceParent      = "Traceparent"
	headerTraceState       = "Tracestate"
	headerXRay             = "X-Amzn-Trace-Id"
	headerHops             = event.HeaderHops
	headerPath             = event.HeaderPath
	headerWebhookID        = "Webhook-Id"
	headerWebhookTimestamp = "Webhook-Timestamp"
	headerWebhookSignature = "Webhook-Signature"
	headerContentType      = "Content-Type"
	headerAuthorization    = "Authorization"
	headerUserAgent        = "User-Agent"
	HeaderMsgID            = "Nats-Msg-Id"
)

// CheckHeaderName returns why neither a configuration nor a rule can set a header.
func CheckHeaderName(name string) error {
	if !validHeaderName(name) {
		return fmt.Errorf("%q is no name of a header", name)
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch canonical {
	case "Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return errors.New("it belongs to the connection and cannot be set")
	case headerIdempotencyKey, headerCorrelationID, headerTraceParent, headerTraceState, headerXRay,
		headerWebhookID, headerWebhookTimestamp, headerWebhookSignature, HeaderMsgID:
		return errors.New("each delivery carries its own and it cannot be set")
	}
	for _, prefix := range []string{"X-Signalbox-", "Ce-"} {
		if strings.HasPrefix(canonical, prefix) {
			return fmt.Errorf("names that begin with %s are set by each delivery and cannot be set", prefix)
		}
	}
	return nil
}

// headerOf returns the header of an attribute: of RULE_ARN X-Signalbox-Rule-Arn.
func headerOf(attribute string) string {
	return textproto.CanonicalMIMEHeaderKey("X-Signalbox-" + strings.ReplaceAll(attribute, "_", "-"))
}

// token are the characters of a token of RFC 9110, section 5.6.2.
var token = func() (all [256]bool) {
	for c := range 256 {
		all[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		all[c] = true
	}
	return all
}()

// validHeaderName reports whether s is a token.
func validHeaderName(s string) bool {
	for i := range len(s) {
		if !token[s[i]] {
			return false
		}
	}
	return s != ""
}

// validHeaderValue reports whether s can stand in a header: no control characters
// but the tab.
func validHeaderValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// secretHeader reports whether the whole value of a header is hidden, wherever it
// came from.
func secretHeader(canonical string) bool {
	switch canonical {
	case headerAuthorization, "Proxy-Authorization", "Cookie", "X-Api-Key":
		return true
	}
	lower := strings.ToLower(canonical)
	return strings.Contains(lower, "token") || strings.Contains(lower, "secret") || strings.Contains(lower, "password")
}

// headerText returns s as it can stand in a header: bytes outside of printable
// ASCII percent-encoded, and the percent sign with them if there are any.
func headerText(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return percentEncode(s)
		}
	}
	return s
}

func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			out = append(out, '%', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
