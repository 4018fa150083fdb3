package remote

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"signalbox/event"
	"signalbox/targets"
)

// traceContext is where one attempt stands in a trace.
type traceContext struct {
	// id is the trace's id and span the attempt's, both in lower-case hex.
	id   [32]byte
	span [16]byte
	// flags are those of traceparent, in hex.
	flags [2]byte
	// xray are the Root and Sampled fields of the event's X-Ray header; root is
	// empty where it had none.
	root, sampled string
}

// newTraceContext derives the attempt's place from the event's. An event without
// a trace gets one that is the same for all of its deliveries and attempts: that
// of its X-Ray header, else its id where that is a UUID, else a hash. The span's
// id is a hash of the delivery and the attempt, so that a preview shows it too.
func newTraceContext(d *targets.Delivery) traceContext {
	var t traceContext
	t.flags = [2]byte{'0', '1'}
	meta := d.Meta
	if meta == nil {
		meta = &event.Metadata{}
	}
	t.root, t.sampled = parseXRay(meta.XRay)
	switch {
	case validTraceParent(meta.TraceParent):
		copy(t.id[:], meta.TraceParent[3:35])
		copy(t.flags[:], meta.TraceParent[53:55])
	case t.root != "":
		copy(t.id[:8], t.root[2:10])
		copy(t.id[8:], t.root[11:35])
		if t.sampled == "0" {
			t.flags = [2]byte{'0', '0'}
		}
	case !uuidHex(&t.id, d.EventID):
		sum := sha256.Sum256([]byte(d.EventID + "\x00" + meta.Received.UTC().Format("2006-01-02T15:04:05.999999999")))
		hex.Encode(t.id[:], sum[:16])
	}
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], spanID(d.ID, d.Attempt))
	hex.Encode(t.span[:], span[:])
	return t
}

// appendTraceParent writes the traceparent header of W3C Trace Context.
func (t *traceContext) appendTraceParent(dst []byte) []byte {
	dst = append(dst, "00-"...)
	dst = append(dst, t.id[:]...)
	dst = append(dst, '-')
	dst = append(dst, t.span[:]...)
	dst = append(dst, '-')
	return append(dst, t.flags[:]...)
}

// appendXRay writes the X-Amzn-Trace-Id header.
func (t *traceContext) appendXRay(dst []byte) []byte {
	dst = append(dst, "Root="...)
	if t.root != "" {
		dst = append(dst, t.root...)
	} else {
		dst = append(dst, "1-"...)
		dst = append(dst, t.id[:8]...)
		dst = append(dst, '-')
		dst = append(dst, t.id[8:]...)
	}
	dst = append(dst, ";Parent="...)
	dst = append(dst, t.span[:]...)
	dst = append(dst, ";Sampled="...)
	if t.sampled != "" {
		return append(dst, t.sampled...)
	}
	return append(dst, '0'+t.flags[1]&1)
}

// validTraceParent reports whether s is a traceparent of version 00, or begins
// like one if it is of a later version; https://www.w3.org/TR/trace-context/.
func validTraceParent(s string) bool {
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
		case key == "Root" && len(value) == 35 && value[:2] == "1-" && value[10] == '-' && lowerHex(value[2:10]) && lowerHex(value[11:]):
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
