package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"signalbox/document"
)

// revision hashes the parts of a Set regardless of the order in which they are
// added, and so of the files they stand in.
type revision struct {
	parts []digest
}

// digest is the hash of one part.
type digest [sha256.Size]byte

// digestOf returns the hash of a part. Lengths keep its fields apart.
func digestOf(fields ...string) digest {
	text := make([]byte, 0, 2048) // on the stack, as nearly all are shorter
	for _, f := range fields {
		text = append(strconv.AppendInt(text, int64(len(f)), 10), ':')
		text = append(text, f...)
	}
	return sha256.Sum256(text)
}

// add notes one part.
func (r *revision) add(fields ...string) { r.parts = append(r.parts, digestOf(fields...)) }

// ruleDigest is the part of a rule; pattern is its pattern, rendered.
func ruleDigest(d *draft, pattern string) digest {
	fields := make([]string, 0, 16)
	fields = append(fields, "rule", d.bus(), d.Name.Value, d.Description.Value, string(d.State), strconv.FormatBool(d.Strict),
		strconv.FormatBool(d.StopBubbling), pattern, d.When.Value, rendered(d.Kind))
	if d.Start.Set { // others keep the revision that they had
		fields = append(fields, "start", d.Start.String())
	}
	if d.Schedule.Node != nil {
		fields = append(fields, "schedule", d.Schedule.Value, d.Timezone.Value, string(d.CatchUp))
	}
	for _, t := range d.Targets {
		fields = append(fields, rendered(t.node))
	}
	return digestOf(fields...)
}

func rendered(n *document.Node) string {
	if n == nil {
		return ""
	}
	return string(n.JSON())
}

// sum is short enough to be read aloud, and long enough that two sets that a
// router ever sees do not share one.
func (r *revision) sum() string {
	slices.SortFunc(r.parts, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	hash := sha256.New()
	for _, p := range r.parts {
		hash.Write(p[:])
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
