package remote

import (
	"strings"

	"signalbox/event"
)

// Binding is how a protocol writes headers, and the attributes of a CloudEvent in the binary
// mode.
type Binding struct {
	names
	// prefix stands before the name of an attribute, which HTTP writes with a capital.
	prefix  string
	capital bool
	// raw writes the values of attributes as they are, not as HTTP has them.
	raw bool
	// contentType names the header that is datacontenttype in the binary mode; both writes
	// it as an attribute too.
	contentType string
	both        bool
}

// The bindings. NATS tells capitals from small letters, and its binding of CloudEvents has small ones
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md). Kafka's begins
// attributes with ce_ and escapes nothing. Small is that of protocols that have no binding of their own.
var (
	HTTP  = Binding{names: canonical, prefix: "Ce-", capital: true, contentType: headerContentType}
	NATS  = Binding{names: canonical, prefix: "ce-", contentType: lower(headerContentType), both: true}
	Kafka = Binding{names: small, prefix: "ce_", raw: true, contentType: lower(headerContentType)}
	Small = Binding{names: small, prefix: "ce-", contentType: lower(headerContentType), both: true}
)

// names are those of the headers that deliveries bring.
type names struct {
	userAgent, deliveryID, idempotencyKey, msgID, eventID, rule, correlationID, synthetic, replay string
	attempt, traceParent, xray, traceState, hops, path, describes                                 string
}

var (
	canonical = namesIn(func(name string) string { return name })
	small     = namesIn(lower)
)

var lower = strings.ToLower

func namesIn(write func(string) string) names {
	return names{
		write(headerUserAgent), write(headerDeliveryID), write(headerIdempotencyKey), write(HeaderMsgID), write(headerEventID), write(headerRule),
		write(headerCorrelationID), write(headerSynthetic), write(headerReplay), write(headerAttempt), write(headerTraceParent), write(headerXRay),
		write(headerTraceState), write(headerHops), write(headerPath), write(headerContentType),
	}
}

// name returns the name of a header as the binding has it.
func (b *Binding) name(canonicalName string) string {
	if b.names == small {
		return lower(canonicalName)
	}
	return canonicalName
}

// attribute returns the header of an attribute.
func (b *Binding) attribute(a event.Attribute) Field {
	name := a.Name
	if b.capital && name != "" {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	if !b.raw {
		a.Value = event.EscapeAttribute(a.Value)
	}
	return Field{b.prefix + name, a.Value}
}
