package remote

import "signalbox/event"

// appendTraceParent writes the traceparent header of W3C Trace Context.
func appendTraceParent(dst []byte, t *event.TraceContext) []byte {
	dst = append(dst, "00-"...)
	dst = append(dst, t.ID[:]...)
	dst = append(dst, '-')
	dst = t.AppendSpan(dst)
	dst = append(dst, '-')
	return append(dst, t.Flags[:]...)
}

// appendXRay writes the X-Amzn-Trace-Id header.
func appendXRay(dst []byte, t *event.TraceContext) []byte {
	dst = append(dst, "Root="...)
	if t.XRayRoot != "" {
		dst = append(dst, t.XRayRoot...)
	} else {
		dst = append(dst, "1-"...)
		dst = append(dst, t.ID[:8]...)
		dst = append(dst, '-')
		dst = append(dst, t.ID[8:]...)
	}
	dst = append(dst, ";Parent="...)
	dst = t.AppendSpan(dst)
	dst = append(dst, ";Sampled="...)
	if t.XRaySampled != "" {
		return append(dst, t.XRaySampled...)
	}
	return append(dst, '0'+t.Flags[1]&1)
}
