package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// metadataVersion is the first byte of the binary form. A reader refuses those
// that it does not know.
const metadataVersion = 1

// The binary form is the version, a bit set (a uvarint) that says which fields
// are there, the strings among them in the order of their bits, and then the
// others in the order of theirs. Zero fields are left out. Bits are only ever
// added, and each new group of fields goes to the end.
const (
	hasBus = 1 << iota
	hasTraceParent
	hasTraceState
	hasXRay
	hasCorrelationID
	hasCausationID
	hasKind
	hasSchemaVersion
	hasDedupKey
	hasPartitionKey
	hasFormat
	isSynthetic // the bit is the value
	hasReceived
	hasHops
	hasDataForm
	hasExtensions
	hasPath
	isKindByName // the bit is the value
	hasRoot      // and Derived
	isTellsState // the bit is the value
	isScheduled  // the bit is the value

	knownFields = 1<<iota - 1
)

// stringFields are the fields that are plain text, in the order of their bits,
// of which the first is 1.
func (m *Metadata) stringFields() [11]*string {
	return [...]*string{
		&m.Bus, &m.TraceParent, &m.TraceState, &m.XRay, &m.CorrelationID, &m.CausationID,
		(*string)(&m.Kind), &m.SchemaVersion, &m.DedupKey, &m.PartitionKey, &m.Format,
	}
}

// AppendBinary appends the compact binary form of m, which UnmarshalBinary
// reads. It implements encoding.BinaryAppender. The error says that Received is
// outside of the years 1678 to 2262, or Hops or Derived negative.
func (m *Metadata) AppendBinary(dst []byte) ([]byte, error) {
	if m.Hops < 0 || m.Derived < 0 {
		return dst, fmt.Errorf("metadata: hops is %d, derived %d: they must not be negative", m.Hops, m.Derived)
	}
	if y := m.Received.Year(); !m.Received.IsZero() && (y < 1678 || y > 2261) {
		return dst, fmt.Errorf("metadata: received in the year %d: nanoseconds since 1970 hold only 1678 to 2261", y)
	}
	dst = append(dst, metadataVersion)
	dst = binary.AppendUvarint(dst, m.fields())
	for _, field := range m.stringFields() {
		if *field != "" {
			dst = appendText(dst, *field)
		}
	}
	if !m.Received.IsZero() {
		dst = binary.AppendVarint(dst, m.Received.UnixNano())
	}
	if m.Hops != 0 {
		dst = binary.AppendUvarint(dst, uint64(m.Hops))
	}
	if m.DataForm != DataAsIs {
		dst = append(dst, byte(m.DataForm))
	}
	if len(m.Extensions) != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Extensions)))
		for i := range m.Extensions {
			dst = appendText(dst, m.Extensions[i].Name)
			dst = appendText(dst, m.Extensions[i].Value)
		}
	}
	if len(m.Path) != 0 {
		dst = appendPath(dst, m.Path)
	}
	if m.Root != 0 || m.Derived != 0 {
		dst = binary.AppendUvarint(dst, m.Root)
		dst = binary.AppendUvarint(dst, uint64(m.Derived))
	}
	return dst, nil
}

// fields is the bit set of the fields that are not zero.
func (m *Metadata) fields() uint64 {
	var bits uint64
	for i, field := range m.stringFields() {
		if *field != "" {
			bits |= 1 << i
		}
	}
	if m.Synthetic {
		bits |= isSynthetic
	}
	if m.KindByName {
		bits |= isKindByName
	}
	if m.TellsState {
		bits |= isTellsState
	}
	if m.Scheduled {
		bits |= isScheduled
	}
	if !m.Received.IsZero() {
		bits |= hasReceived
	}
	if m.Hops != 0 {
		bits |= hasHops
	}
	if m.DataForm != DataAsIs {
		bits |= hasDataForm
	}
	if len(m.Extensions) != 0 {
		bits |= hasExtensions
	}
	if len(m.Path) != 0 {
		bits |= hasPath
	}
	if m.Root != 0 || m.Derived != 0 {
		bits |= hasRoot
	}
	return bits
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// UnmarshalBinary sets m to what AppendBinary encoded; Received comes back in
// UTC. It implements encoding.BinaryUnmarshaler, and keeps nothing of data. An
// error leaves m half set.
func (m *Metadata) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errors.New("metadata: empty")
	}
	if data[0] != metadataVersion {
		return fmt.Errorf("metadata: version %d is not known here, only %d (written by a newer release?)", data[0], metadataVersion)
	}
	// One copy holds the text of all fields.
	r := binaryReader{rest: string(data[1:])}
	bits := r.uvarint()
	if unknown := bits &^ knownFields; unknown != 0 {
		return fmt.Errorf("metadata: unknown fields %#x (written by a newer release?)", unknown)
	}
	*m = Metadata{Synthetic: bits&isSynthetic != 0, KindByName: bits&isKindByName != 0, TellsState: bits&isTellsState != 0, Scheduled: bits&isScheduled != 0}
	for i, field := range m.stringFields() {
		if bits&(1<<i) != 0 {
			*field = r.text()
		}
	}
	if bits&hasReceived != 0 {
		m.Received = time.Unix(0, r.varint()).UTC()
	}
	if bits&hasHops != 0 {
		m.Hops = int(min(r.uvarint(), math.MaxInt32))
	}
	if bits&hasDataForm != 0 {
		m.DataForm = DataForm(r.byte())
	}
	if bits&hasExtensions != 0 {
		m.Extensions = r.attributes()
	}
	if bits&hasPath != 0 {
		m.Path = r.path()
	}
	if bits&hasRoot != 0 {
		m.Root = r.uvarint()
		m.Derived = int(min(r.uvarint(), math.MaxInt32))
	}
	if r.failed {
		return errors.New("metadata: cut short")
	}
	if len(r.rest) != 0 {
		return fmt.Errorf("metadata: %d bytes too many", len(r.rest))
	}
	return nil
}

// binaryReader reads the parts of the binary form. Once a part is cut short it
// fails, and reads zeros from then on.
type binaryReader struct {
	rest   string
	failed bool
}

func (r *binaryReader) byte() byte {
	if len(r.rest) == 0 {
		r.failed = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *binaryReader) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.failed = true
	return 0
}

func (r *binaryReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *binaryReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *binaryReader) attributes() []Attribute {
	n := r.uvarint()
	// Two lengths are the least that an attribute takes.
	if n > uint64(len(r.rest)/2) {
		r.failed, r.rest = true, ""
		return nil
	}
	attrs := make([]Attribute, n)
	for i := range attrs {
		attrs[i] = Attribute{Name: r.text(), Value: r.text()}
	}
	return attrs
}
