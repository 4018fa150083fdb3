package event

import "strconv"

// AppendPutEvents appends the body of a PutEvents request with these events, for
// clients. What PutEvents has no field for (the id, metadata other than the bus
// and the X-Ray header) does not travel.
func AppendPutEvents(dst []byte, events []*Event) []byte {
	dst = append(dst, `{"Entries":[`...)
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(append(dst, `{"Source":`...), e.Source)
		dst = appendQuoted(append(dst, `,"DetailType":`...), e.DetailType)
		detail := e.Detail
		if len(detail) == 0 {
			detail = []byte("{}")
		}
		dst = appendQuoted(append(dst, `,"Detail":`...), string(detail))
		if !e.Time.IsZero() {
			seconds := float64(e.Time.UnixMicro()) / 1e6
			dst = strconv.AppendFloat(append(dst, `,"Time":`...), seconds, 'f', -1, 64)
		}
		for j, resource := range e.Resources {
			if j == 0 {
				dst = append(dst, `,"Resources":[`...)
			} else {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, resource)
			if j == len(e.Resources)-1 {
				dst = append(dst, ']')
			}
		}
		if e.Meta.Bus != "" {
			dst = appendQuoted(append(dst, `,"EventBusName":`...), e.Meta.Bus)
		}
		if e.Meta.XRay != "" {
			dst = appendQuoted(append(dst, `,"TraceHeader":`...), e.Meta.XRay)
		}
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}
