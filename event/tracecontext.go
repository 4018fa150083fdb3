package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// TraceContext is where something stands in a trace.
type TraceContext struct {
	// ID is the trace's id, in lower-case hex, and Span the id of the step in it.
	ID   [32]byte
	Span uint64
	// Flags are those of traceparent, in hex.
	Flags [2]byte
	// XRayRoot and XRaySampled are the Root and Sampled fields of the event's X-Ray header;
	// the root is empty where it had none.
	XRayRoot, XRaySampled string
}

// NewTraceContext derives the place in a trace of one attempt at a delivery, or of the arrival
// of an event, where of is the event's id and attempt 0. An event without a trace gets one that
// is the same for all of its deliveries and attempts: that of its X-Ray header, else its id where
// that is a UUID, else a hash. The span's id is a hash of what it is of and the attempt, so that a
// preview shows it too. A nil meta is empty.
func NewTraceContext(eventID string, meta *Metadata, of string, attempt int) TraceContext {
	t := TraceContext{Flags: [2]byte{'0', '1'}, Span: spanID(of, attempt)}
	if meta == nil {
		meta = &Metadata{}
	}
	t.XRayRoot, t.XRaySampled = parseXRay(meta.XRay)
	switch {
	case ValidTraceParent(meta.TraceParent):
		copy(t.ID[:], meta.TraceParent[3:35])
		copy(t.Flags[:], meta.TraceParent[53:55])
	case t.XRayRoot != "":
		copy(t.ID[:8], t.XRayRoot[2:10])
		copy(t.ID[8:], t.XRayRoot[11:35])
		if t.XRaySampled == "0" {
			t.Flags = [2]byte{'0', '0'}
		}
	case !uuidHex(&t.ID, eventID):
		sum := sha256.Sum256([]byte(eventID + "\x00" + meta.Received.UTC().Format("2006-01-02T15:04:05.999999999")))
		hex.Encode(t.ID[:], sum[:16])
	}
	return t
}

// TraceRandom returns the random part of the id of an event's trace, its last 7 bytes
// (https://www.w3.org/TR/trace-context-2/#random-trace-id-flag), and whether its producer has not
// decided against sampling it. It is NewTraceContext for whoever only decides.
func TraceRandom(eventID string, m *Metadata) (random uint64, sampled bool) {
	if m.TraceParent == "" && m.XRay == "" && len(eventID) == 36 {
		if random, ok := uuidRandom(eventID); ok {
			return random, true
		}
	}
	t := NewTraceContext(eventID, m, "", 0)
	return randomOf(t.ID[:]), digit(t.Flags[1])&1 == 1
}

// randomOf returns the last 7 bytes of an id in hex.
func randomOf(id []byte) (n uint64) {
	for _, c := range id[18:] {
		n = n<<4 | uint64(digit(c))
	}
	return n
}

// digit returns the value of a lower-case hexadecimal digit.
func digit(c byte) byte {
	if c > '9' {
		return c - 'a' + 10
	}
	return c - '0'
}

// TraceID returns the id of an event's trace, in hex.
func TraceID(eventID string, m *Metadata) string {
	t := NewTraceContext(eventID, m, "", 0)
	return string(t.ID[:])
}

// AppendSpan writes the id of the span in hex.
func (t *TraceContext) AppendSpan(dst []byte) []byte {
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], t.Span)
	return hex.AppendEncode(dst, span[:])
}

// ValidTraceParent reports whether s is a traceparent of version 00, or begins
// like one if it is of a later version; https://www.w3.org/TR/trace-context/.
func ValidTraceParent(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	version := s[:2]
	if version == "ff" || version == "00" && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return false
	}
	id, span := s[3:35], s[36:52]
	return lowerHex(version) && lowerHex(id) && lowerHex(span) && lowerHex(s[53:55]) &&
		id != "00000000000000000000000000000000" && span != "0000000000000000"
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// parseXRay returns the Root and Sampled fields of an X-Amzn-Trace-Id header, and
// nothing where it has no Root of the form 1-8 hex-24 hex.
func parseXRay(header string) (root, sampled string) {
	for field := range strings.SplitSeq(header, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch {
		case key == "Root" && isXRayRoot(value):
			root = value
		case key == "Sampled" && (value == "0" || value == "1" || value == "?"):
			sampled = value
		}
	}
	if root == "" {
		return "", ""
	}
	return root, sampled
}

// uuidHex writes the hex digits of a UUID without its dashes.
func uuidHex(dst *[32]byte, id string) bool {
	if len(id) != 36 {
		return false
	}
	n := 0
	for i := range len(id) {
		c := id[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
			continue
		case c >= 'A' && c <= 'F':
			c |= 0x20
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
		dst[n] = c
		n++
	}
	return *dst != [32]byte([]byte("00000000000000000000000000000000"))
}

// hexValues has the value of each hexadecimal digit, and noDigit for all else.
var hexValues = func() (values [256]byte) {
	for i := range values {
		values[i] = noDigit
	}
	for i, c := range "0123456789abcdef" {
		values[c] = byte(i)
	}
	for i, c := range "ABCDEF" {
		values[c] = byte(10 + i)
	}
	return values
}()

const noDigit = 0x80

// uuidRandom returns the last 7 bytes of a UUID, and whether it is one; it is uuidHex and randomOf, and is
// asked for each event.
func uuidRandom(id string) (random uint64, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return 0, false
	}
	var all byte
	for _, part := range [...]string{id[:8], id[9:13], id[14:18], id[19:23], id[24:36]} {
		for i := range len(part) {
			v := hexValues[part[i]]
			all |= v
			random = random<<4 | uint64(v)
		}
	}
	return random & (1<<56 - 1), all != 0 && all < noDigit
}

// spanID hashes a delivery's id and an attempt, never to 0, which is no span.
func spanID(deliveryID string, attempt int) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for i := range len(deliveryID) {
		h = (h ^ uint64(deliveryID[i])) * prime
	}
	// Mix, as FNV leaves ids that differ only at their end close to each other.
	h ^= uint64(attempt) * 0x9e3779b97f4a7c15
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33 | 1
}
