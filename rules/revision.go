package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
)

// revision hashes the parts of a Set regardless of the order in which they are
// added, and so of the files they stand in.
type revision struct {
	parts []string
}

// add notes one part. Lengths keep the fields of a part apart.
func (r *revision) add(fields ...string) {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(strconv.Itoa(len(f)) + ":" + f)
	}
	r.parts = append(r.parts, b.String())
}

func (r *revision) rule(d *draft) {
	fields := []string{"rule", d.bus(), d.Name.Value, d.Description.Value, string(d.State), strconv.FormatBool(d.Strict),
		strconv.FormatBool(d.StopBubbling), rendered(d.Pattern), d.When.Value, rendered(d.Kind)}
	for _, t := range d.Targets {
		fields = append(fields, rendered(t.node))
	}
	r.add(fields...)
}

func rendered(n *document.Node) string {
	if n == nil {
		return ""
	}
	return string(n.Render().JSON)
}

// sum is short enough to be read aloud, and long enough that two sets that a
// router ever sees do not share one.
func (r *revision) sum() string {
	slices.Sort(r.parts)
	hash := sha256.New()
	for _, p := range r.parts {
		hash.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
