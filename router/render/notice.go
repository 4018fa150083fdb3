package render

import (
	"encoding/json"
	"net/url"
	"strings"

	"signalbox/state"
	"signalbox/targets"
)

// reference is the detail of a notification: where to read the rest.
type reference struct {
	Href string `json:"href"`
	// Type, Key and Version are those of the object whose state an audit message
	// told.
	Type    string `json:"type,omitempty"`
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
}

// notice is the envelope that a target gets which asked for a reference in place
// of what the event carries. What the reference points to is the object's state
// where the event told one, else the event.
func (r Renderer) notice(e *Event, carry string) ([]byte, error) {
	ref := reference{Href: r.PublicURL + "/v1/events/" + url.PathEscape(e.ID)}
	if o := e.Object; o != nil {
		ref = reference{Href: r.PublicURL + "/v1/state/" + segment(o.Type) + "/" + segment(o.Key), Type: o.Type, Key: o.Key, Version: state.FormatVersion(e.Seq)}
		if carry == targets.CarryVersion {
			ref.Href += "?version=" + ref.Version
		}
	}
	detail, err := json.Marshal(map[string]reference{"reference": ref})
	if err != nil {
		return nil, err
	}
	notice := *e.Event
	notice.Detail = detail
	return notice.AppendEnvelope(nil), nil
}

// segment is a text as a segment of a path. "." and ".." alone would be taken for
// steps in it (RFC 3986, section 5.2.4).
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
