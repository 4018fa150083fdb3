package event

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The headers by which a message tells how its event came to be, so that a loop through
// another system is counted as one through rules is. HeaderHops is Metadata.Hops of the event
// that is made of the message, as a number; of a batch as many numbers, separated by commas.
// HeaderPath is Metadata.Path of it, in the form of AppendPathHeader.
const (
	HeaderHops = "X-Signalbox-Hops"
	HeaderPath = "X-Signalbox-Path"
)

// HeaderSynthetic marks all events of a message as synthetic when it is "true".
const HeaderSynthetic = "X-Signalbox-Synthetic"

// Carried is what the headers of a message say of its events.
type Carried struct {
	traceParent, traceState, xray, correlation string
	synthetic                                  bool
	hops                                       string
	path                                       []Hop
}

// ReadHeaders returns what headers say; get returns the value of one by its name, or nothing.
func ReadHeaders(get func(name string) string) Carried {
	c := Carried{
		traceParent: get("Traceparent"), xray: get("X-Amzn-Trace-Id"), correlation: get("X-Correlation-Id"),
		synthetic: strings.EqualFold(get(HeaderSynthetic), "true"), hops: get(HeaderHops),
	}
	if c.traceState = get("Tracestate"); !ValidTraceParent(c.traceParent) {
		c.traceParent, c.traceState = "", ""
	}
	if c.hops != "" {
		c.path = parsePath(get(HeaderPath))
	}
	return c
}

// Mark fills in the metadata of events, one for each of the message, where they do not have it
// themselves. An event that is nil is left out.
func (c *Carried) Mark(events []*Event) {
	for i, e := range events {
		if e == nil {
			continue
		}
		m := &e.Meta
		if m.TraceParent == "" {
			m.TraceParent, m.TraceState = c.traceParent, c.traceState
		}
		if m.XRay == "" {
			m.XRay = c.xray
		}
		if m.CorrelationID == "" {
			m.CorrelationID = c.correlation
		}
		m.Synthetic = m.Synthetic || c.synthetic
		if c.hops != "" {
			m.Hops, m.Path = hopsOf(c.hops, i, len(events)), c.path
		}
	}
}

// hopsOf returns the hops of the i-th of n events. Where the header has not one number for
// each, the greatest counts; what is no number counts as none.
func hopsOf(header string, i, n int) (hops int) {
	parts := strings.Split(header, ",")
	if len(parts) == n {
		parts = parts[i : i+1]
	}
	for _, part := range parts {
		one, err := strconv.ParseUint(strings.TrimSpace(part), 10, 31)
		if err == nil {
			hops = max(hops, int(min(one, math.MaxInt32)))
		}
	}
	return hops
}

// MaxPathHeader bounds the text of HeaderPath, in bytes.
const MaxPathHeader = 1024

// AppendPathHeader writes a path and the hop after it as HeaderPath has them: hops separated by
// commas, the latest ones that fit, each with the fields of Hop in their order, escaped as in a query and
// separated by semicolons.
func AppendPathHeader(dst []byte, path []Hop, last *Hop) []byte {
	size := last.escapedLen()
	if size > MaxPathHeader {
		return dst
	}
	first := len(path)
	for first > 0 {
		if size += path[first-1].escapedLen() + 1; size > MaxPathHeader {
			break
		}
		first--
	}
	for i := range path[first:] {
		dst = append(path[first+i].appendEscaped(dst), ',')
	}
	return last.appendEscaped(dst)
}

func (h *Hop) escapedLen() int {
	fields := h.fields()
	n := len(fields) - 1
	for _, field := range fields {
		n += len(queryEscape(*field))
	}
	return n
}

func (h *Hop) appendEscaped(dst []byte) []byte {
	for i, field := range h.fields() {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, queryEscape(*field)...)
	}
	return dst
}

// queryEscape is url.QueryEscape, and quick for what needs no escaping, as nearly all names.
func queryEscape(s string) string {
	for i := range len(s) {
		if !unreserved[s[i]] {
			return url.QueryEscape(s)
		}
	}
	return s
}

// unreserved are the characters that no URL escapes (RFC 3986, section 2.3).
var unreserved = func() (all [256]bool) {
	for c := range 256 {
		all[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", byte(c)) >= 0
	}
	return all
}()

// parsePath reads the text of HeaderPath. What is none is no path: it is for people alone.
func parsePath(text string) (path []Hop) {
	if text == "" || len(text) > MaxPathHeader {
		return nil
	}
	for hop := range strings.SplitSeq(text, ",") {
		var h Hop
		parts := strings.Split(hop, ";")
		fields := h.fields()
		if len(parts) != len(fields) {
			return nil
		}
		for i, part := range parts {
			plain, err := url.QueryUnescape(part)
			if err != nil || !utf8.ValidString(plain) {
				return nil
			}
			*fields[i] = plain
		}
		path = append(path, h)
	}
	return path[max(0, len(path)-maxPath):]
}
