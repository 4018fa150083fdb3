package cluster

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	natsio "github.com/nats-io/nats.go"
)

// The headers of a message of the log. A group that is too large for one message is several, of which the last
// has the hash of all.
const (
	headerTerm  = "Signalbox-Term"  // the number of the term, in digits
	headerChain = "Signalbox-Chain" // hash over all groups up to this one, in hexadecimal digits
	headerPart  = "Signalbox-Part"  // which part of a group of how many, as 1/3
	headerNode  = "Signalbox-Node"  // the message begins a term of this node's; it has a Leader in JSON
)

// maxGroup bounds a group, in bytes: a node that follows holds it in memory while its parts come.
const maxGroup = 1 << 30

// headerRoom is what the headers of a message take at most, in bytes.
const headerRoom = 1 << 10

// Leader says who leads, and since when.
type Leader struct {
	Node int `json:"node"`
	// URL is where it is reached.
	URL   string    `json:"url"`
	Term  uint64    `json:"term,omitempty"`
	Since time.Time `json:"since"`
	// Rules is the revision of its rule files.
	Rules   string `json:"rules,omitempty"`
	Version string `json:"version,omitempty"`
}

// message is one of the log, read.
type message struct {
	seq   uint64
	term  uint64
	chain uint64
	part  int // from 1 on
	parts int
	// leader is who a term begins with; nil in all but the first message of one.
	leader *Leader
	data   []byte
}

// readMessage reads a message; the error is that of one which no Signalbox wrote.
func readMessage(seq uint64, h natsio.Header, data []byte) (m message, err error) {
	m = message{seq: seq, data: data, part: 1, parts: 1}
	if m.term, err = strconv.ParseUint(h.Get(headerTerm), 10, 64); err != nil {
		return m, fmt.Errorf("message %d of the log has no term", seq)
	}
	if h.Get(headerNode) != "" {
		m.leader = new(Leader)
		return m, json.Unmarshal(data, m.leader)
	}
	if m.chain, err = strconv.ParseUint(h.Get(headerChain), 16, 64); err != nil {
		return m, fmt.Errorf("message %d of the log has no hash", seq)
	}
	if text := h.Get(headerPart); text != "" {
		of, parts, _ := strings.Cut(text, "/")
		var e1, e2 error
		m.part, e1 = strconv.Atoi(of)
		m.parts, e2 = strconv.Atoi(parts)
		if e1 != nil || e2 != nil || m.part < 1 || m.part > m.parts {
			return m, fmt.Errorf("message %d of the log is part %q of a group", seq, text)
		}
	}
	return m, nil
}

// newMessage returns a message to append. Its id is that of the place which it is for, so that one that is
// sent again is known.
func newMessage(subject string, term, seq, chain uint64, part, parts int, data []byte) *natsio.Msg {
	m := natsio.NewMsg(subject)
	m.Data = data
	m.Header.Set(headerTerm, strconv.FormatUint(term, 10))
	m.Header.Set(headerChain, strconv.FormatUint(chain, 16))
	if parts > 1 {
		m.Header.Set(headerPart, fmt.Sprintf("%d/%d", part, parts))
	}
	m.Header.Set(natsio.MsgIdHdr, fmt.Sprintf("%d-%d", term, seq))
	return m
}

// chained is the hash over all groups, given that over those before this one.
func chained(before uint64, group []byte) uint64 {
	d := xxhash.New()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], before)
	_, _ = d.Write(b[:]) // never fails
	_, _ = d.Write(group)
	return d.Sum64()
}
