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
	return len(id) == 35 && id[:2] == "1-" && id[10] == '-' && lowerHex(id[2:10]) && lowerHex(id[11:])
}
