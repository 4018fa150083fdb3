package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
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
func digestOf(fields ...string) (d digest) {
	hash := sha256.New()
	var number []byte
	for _, f := range fields {
		number = append(strconv.AppendInt(number[:0], int64(len(f)), 10), ':')
		hash.Write(number)
		io.WriteString(hash, f)
	}
	hash.Sum(d[:0])
	return d
}

// add notes one part.
func (r *revision) add(fields ...string) { r.parts = append(r.parts, digestOf(fields...)) }

// ruleDigest is the part of a rule.
func ruleDigest(d *draft) digest {
	fields := []string{"rule", d.bus(), d.Name.Value, d.Description.Value, string(d.State), strconv.FormatBool(d.Strict),
		strconv.FormatBool(d.StopBubbling), rendered(d.Pattern), d.When.Value, rendered(d.Kind)}
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
