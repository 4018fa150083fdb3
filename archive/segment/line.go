package segment

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"signalbox/journal"
)

// The parts of a line. Their order is fixed, so that a line is taken apart without a parser.
const (
	partSeq      = `{"seq":"`
	partReceived = `","received":"`
	partBus      = `","bus":`
	partMeta     = `,"meta":"`
	partEvent    = `","event":`
)

// timeForm is RFC 3339 with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// AppendLine appends an event as a line of JSON, with its line feed: {"seq", "received", "bus",
// "meta", "event"}. Line feeds that the producer left between the members of the event become
// spaces.
func AppendLine(dst []byte, r *journal.Record, bus string) []byte {
	dst = append(dst, partSeq...)
	dst = strconv.AppendUint(dst, uint64(r.Seq), 10)
	dst = append(dst, partReceived...)
	dst = r.Seq.Time().AppendFormat(dst, timeForm)
	dst = append(dst, partBus...)
	quoted, _ := json.Marshal(bus) // a string can always be written
	dst = append(dst, quoted...)
	dst = append(dst, partMeta...)
	dst = base64.StdEncoding.AppendEncode(dst, r.Meta)
	dst = append(dst, partEvent...)
	at := len(dst)
	dst = append(dst, r.Envelope...)
	for i, b := range dst[at:] {
		if b == '\n' || b == '\r' { // JSON has them between its tokens alone
			dst[at+i] = ' '
		}
	}
	return append(dst, '}', '\n')
}

var errLine = errors.New("is not a line of an archive")

// readLine takes apart a line without its line feed. The record has memory of its own.
func readLine(line []byte) (r journal.Record, err error) {
	seq, rest, ok := between(line, partSeq, partReceived)
	n, err := strconv.ParseUint(string(seq), 10, 63)
	if !ok || err != nil {
		return r, errLine
	}
	_, rest, ok = bytes.Cut(rest, []byte(partMeta))
	meta, envelope, ok2 := bytes.Cut(rest, []byte(partEvent))
	if !ok || !ok2 || len(envelope) < 2 || envelope[len(envelope)-1] != '}' {
		return r, errLine
	}
	r.Seq, r.Envelope = journal.Seq(n), bytes.Clone(envelope[:len(envelope)-1])
	if r.Meta, err = base64.StdEncoding.AppendDecode(nil, meta); err != nil {
		return r, fmt.Errorf("meta: %w", errLine)
	}
	return r, nil
}

// between returns what stands behind first, up to last, and what stands behind that.
func between(text []byte, first, last string) (part, rest []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(first))
	if !ok {
		return nil, nil, false
	}
	return bytes.Cut(text, []byte(last))
}
