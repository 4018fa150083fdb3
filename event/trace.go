package event

import "strings"

// setTraceID takes a trace id in whatever form a producer has it.
func (m *Metadata) setTraceID(id string) {
	switch {
	case strings.HasPrefix(id, "Root="):
		setOnce(&m.XRay, id)
	case isXRayRoot(id):
		setOnce(&m.XRay, "Root="+id)
	case ValidTraceParent(id):
		setOnce(&m.TraceParent, id)
	case len(id) == 32 && ValidTraceParent("00-"+id+"-"+id[16:]+"-01"):
		// The parent's span is not known; the id's own low half stands for it.
		setOnce(&m.TraceParent, "00-"+id+"-"+id[16:]+"-01")
	default:
		setOnce(&m.CorrelationID, id)
	}
}

// isXRayRoot reports whether an id has the form of an X-Ray trace id:
// 1-5759e988-bd862e3fe1be46a994272793.
func isXRayRoot(id string) bool {
	return len(id) == 35 && id[:2] == "1-" && id[10] == '-' && isHex(id[2:10]) && isHex(id[11:])
}

// ValidTraceParent reports whether s is a traceparent of W3C Trace Context:
// version, trace id, parent id and flags in lower-case hexadecimal digits,
// neither id all zeros. Versions after 00 may bring more parts.
func ValidTraceParent(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	for _, part := range []string{version, trace, parent, flags} {
		if !isHex(part) {
			return false
		}
	}
	if strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" || version == "ff" {
		return false
	}
	return len(s) == 55 || version != "00" && s[55] == '-'
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
