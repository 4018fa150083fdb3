package event

import "bytes"

var (
	beforeResources = []byte(`,"resources":[`)
	replayMember    = []byte(`,"replay-name":`)
)

// WithReplayName returns an envelope that AppendEnvelope wrote, with the name of the replay
// that sends it again. An envelope that can't be read is returned as it is.
func WithReplayName(envelope []byte, name string) []byte {
	at := bytes.Index(envelope, beforeResources) // no string has quotes that are not escaped
	if at < 0 || bytes.Contains(envelope[:at], replayMember) {
		return replaced(envelope, name)
	}
	out := make([]byte, 0, len(envelope)+len(replayMember)+len(name)+2)
	out = append(append(out, envelope[:at]...), replayMember...)
	return append(appendQuoted(out, name), envelope[at:]...)
}

// replaced is WithReplayName for an envelope that has a name, or is no canonical one.
func replaced(envelope []byte, name string) []byte {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return envelope
	}
	e.ReplayName = name
	return e.AppendEnvelope(nil)
}
