package event

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// DecodePutEvents reads the body of a PutEvents request of the EventBridge API.
// The events keep nothing of body. The error, an *Error, is of the request as a
// whole; an entry with a fault of its own is refused in the Batch, and leaves
// its neighbours alone.
//
// As with EventBridge, members that it does not know are ignored. Time is a
// number of seconds since 1970, as the SDKs send it, or a time in RFC 3339.
func DecodePutEvents(body []byte, limits Limits) (Batch, error) {
	body = withoutBOM(body)
	if fault := checkUTF8(body); fault != nil {
		return Batch{}, notJSON(fault)
	}
	d := putDecoders.Get().(*putDecoder)
	defer d.release()
	d.reset(body, limits)
	if err := d.request(); err != nil {
		return Batch{}, err
	}
	return d.batch, nil
}

// putDecoder reads one PutEvents request in one pass.
type putDecoder struct {
	scanner
	limits Limits
	batch  Batch
	// count and size are of all entries, those that are refused included.
	count, size int
	// text and detail take the unescaped strings of one entry at a time.
	text, detail []byte
	// large means that each detail gets memory of its own at once.
	large bool
	entry putEntry
	// violations are of entries.
	violations Violations
}

// putEntry is what has been read of one entry. The spans are of putDecoder.text.
type putEntry struct {
	seen                           putField
	source, detailType, bus, trace span
	resources                      []span
	textLen                        int
	detail                         span
	time                           time.Time
	fault                          *Error
}

// putField is a set of members of an entry.
type putField uint8

const (
	putTime putField = 1 << iota
	putSource
	putResources
	putDetailType
	putDetail
	putBus
	putTrace
)

// maxDetailType is the most characters in a DetailType, as EventBridge has it.
const maxDetailType = 128

const (
	// maxScratch is the most scratch space in bytes for the details of a request, and for
	// the other strings of an entry that waits for the next request.
	maxScratch = 1 << 17
	// largeRoom is the room for an envelope before a detail that gets its memory before
	// the rest of its entry is known.
	largeRoom = 1 << 10
)

var putDecoders = sync.Pool{New: func() any { return new(putDecoder) }}

func (d *putDecoder) reset(body []byte, limits Limits) {
	// A detail is never longer than the body.
	need := len(body) + unescapeSlack
	if d.large = need > maxScratch; !d.large && len(d.detail) < need {
		d.detail = make([]byte, need)
	}
	d.scanner = scanner{text: body, maxDepth: limits.depth()}
	d.limits = limits
	d.count, d.size = 0, 0
}

func (d *putDecoder) release() {
	if d.large {
		d.detail = nil // it is of the last event
	}
	if len(d.text) > maxScratch {
		d.text = nil
	}
	d.scanner, d.batch, d.violations = scanner{}, Batch{}, nil
	d.entry = putEntry{resources: d.entry.resources[:0]}
	putDecoders.Put(d)
}

// request reads the outermost object.
func (d *putDecoder) request() *Error {
	d.space()
	found := false
	var endpoint Violations
	var err *Error
	ok := d.members(func(key []byte) bool {
		if string(key) == "EndpointId" {
			endpoint, err = d.endpoint()
			return err == nil
		}
		if string(key) != "Entries" {
			return d.value(1)
		}
		if found {
			err = &Error{Code: CodeSerialization, Message: "Entries is there twice; send it once", Offset: d.pos}
			return false
		}
		found = d.peek() != 'n'
		if !found {
			return d.literal("null")
		}
		err = d.entries()
		return err == nil
	})
	if err != nil {
		return err
	}
	if !ok || !d.end() {
		return notJSON(&d.fault)
	}
	var all Violations
	switch {
	case !found:
		all.Add("null", "entries", "Member must not be null")
	case d.count == 0:
		all.Add("'[]'", "entries", "Member must have length greater than or equal to 1")
	case d.count > d.limits.putCount():
		all.Add(d.printedEntries(), "entries", fmt.Sprintf("Member must have length less than or equal to %d", d.limits.putCount()))
	}
	if err := slices.Concat(all, d.violations, endpoint).Error(); err != nil {
		return err
	}
	if d.size > d.limits.size() {
		return &Error{Code: CodeValidation, Message: "Total size of the entries in the request is over the limit."}
	}
	return nil
}

// members walks over the object at the position, and calls take with each key
// when the position is at its value, which take has to skip. It ends when take
// returns false.
func (d *putDecoder) members(take func(key []byte) bool) bool {
	if d.peek() != '{' {
		return d.unexpected("a JSON object")
	}
	d.pos++
	d.space()
	if d.peek() == '}' {
		d.pos++
		return true
	}
	for {
		key, ok := d.key()
		if !ok || !take(key) {
			return false
		}
		if more, ok := d.more('}', "',' or '}'"); !more {
			return ok
		}
	}
}

// key takes a key and the colon after it.
func (d *putDecoder) key() ([]byte, bool) {
	if d.peek() != '"' {
		return nil, d.unexpected("a key in double quotes")
	}
	start := d.pos + 1
	if !d.str() {
		return nil, false
	}
	key := d.scanner.text[start : d.pos-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		// A key that cannot be unescaped is none that anyone knows.
		s, _ := unquote(d.scanner.text[start-1 : d.pos])
		key = []byte(s)
	}
	return key, d.colon()
}

// entries reads the list of entries.
func (d *putDecoder) entries() *Error {
	if d.peek() != '[' {
		return d.wrongType("Entries", "an array")
	}
	d.pos++
	d.space()
	if d.peek() == ']' {
		d.pos++
		return nil
	}
	for {
		if err := d.oneEntry(); err != nil {
			return err
		}
		if more, ok := d.more(']', "',' or ']'"); !more {
			if !ok {
				return notJSON(&d.fault)
			}
			return nil
		}
	}
}

func (d *putDecoder) oneEntry() *Error {
	i := d.count
	d.count++
	if i >= d.limits.putCount() {
		// Too many: the rest is only counted.
		if !d.value(0) {
			return notJSON(&d.fault)
		}
		return nil
	}
	if d.peek() != '{' {
		return d.wrongType(entryPath(i, ""), "an object")
	}
	e := &d.entry
	*e = putEntry{resources: e.resources[:0]}
	var err *Error
	ok := d.members(func(key []byte) bool {
		err = d.field(key, i)
		return err == nil
	})
	if err != nil {
		return err
	}
	if !ok {
		return notJSON(&d.fault)
	}
	d.size += e.textLen - e.bus.len() - e.trace.len() + e.detail.len()
	if e.seen&putTime != 0 {
		d.size += 14
	}
	d.constrain(i)
	if e.fault == nil {
		e.fault = d.checkEntry(i)
	}
	if e.fault != nil {
		d.batch.Events = append(d.batch.Events, nil)
		d.batch.refuse(i, e.fault)
		return nil
	}
	d.batch.Events = append(d.batch.Events, d.event())
	return nil
}

// field reads the value of one member of entry i.
func (d *putDecoder) field(key []byte, i int) *Error {
	e := &d.entry
	var field putField
	var text *span
	var name string // the key, without an allocation
	switch string(key) {
	case "Source":
		field, name, text = putSource, "Source", &e.source
	case "DetailType":
		field, name, text = putDetailType, "DetailType", &e.detailType
	case "EventBusName":
		field, name, text = putBus, "EventBusName", &e.bus
	case "TraceHeader":
		field, name, text = putTrace, "TraceHeader", &e.trace
	case "Detail":
		field, name = putDetail, "Detail"
	case "Resources":
		field, name = putResources, "Resources"
	case "Time":
		field, name = putTime, "Time"
	default:
		if !d.value(2) {
			return notJSON(&d.fault)
		}
		return nil
	}
	if e.seen&field != 0 {
		return &Error{
			Code: CodeSerialization, Message: entryPath(i, name) + " is there twice; send it once",
			Path: entryPath(i, name), Offset: d.pos,
		}
	}
	if d.peek() == 'n' {
		// A null is as good as nothing.
		if !d.literal("null") {
			return notJSON(&d.fault)
		}
		return nil
	}
	e.seen |= field
	switch field {
	case putDetail:
		if d.peek() != '"' {
			return d.wrongType(entryPath(i, "Detail"), "a JSON object in a string")
		}
		return d.detailText()
	case putResources:
		return d.resources(i)
	case putTime:
		return d.time(i)
	}
	var err *Error
	*text, err = d.string(i, name)
	return err
}

// detailText reads the detail of the entry.
func (d *putDecoder) detailText() *Error {
	from := 0
	if d.large {
		start := d.pos
		if !d.str() {
			return notJSON(&d.fault)
		}
		from = largeRoom
		d.detail = make([]byte, from+d.pos-start+unescapeSlack)
		d.pos = start
	}
	to, ok := d.unescape(d.detail, from)
	if !ok {
		return notJSON(&d.fault)
	}
	d.entry.detail = span{from, to}
	return nil
}

// string reads a string into the text of the entry.
func (d *putDecoder) string(i int, name string) (span, *Error) {
	if d.peek() != '"' {
		return span{}, d.wrongType(entryPath(i, name), "a string")
	}
	start, from := d.pos, d.entry.textLen
	if !d.str() {
		return span{}, notJSON(&d.fault)
	}
	if need := from + d.pos - start + unescapeSlack; len(d.text) < need {
		d.text = append(d.text, make([]byte, max(need-len(d.text), 256))...)
	}
	d.pos = start
	to, ok := d.unescape(d.text, from)
	if !ok {
		return span{}, notJSON(&d.fault)
	}
	d.entry.textLen = to
	return span{from, to}, nil
}

func (d *putDecoder) resources(i int) *Error {
	if d.peek() != '[' {
		return d.wrongType(entryPath(i, "Resources"), "an array of strings")
	}
	d.pos++
	d.space()
	if d.peek() == ']' {
		d.pos++
		return nil
	}
	for {
		resource, err := d.string(i, "Resources")
		if err != nil {
			return err
		}
		d.entry.resources = append(d.entry.resources, resource)
		if more, ok := d.more(']', "',' or ']'"); !more {
			if !ok {
				return notJSON(&d.fault)
			}
			return nil
		}
	}
}

// time reads a Time. One that cannot be understood is a fault of its entry alone.
func (d *putDecoder) time(i int) *Error {
	start := d.pos
	if !d.value(2) {
		return notJSON(&d.fault)
	}
	raw := d.scanner.text[start:d.pos]
	var ok bool
	switch raw[0] {
	case '"':
		d.entry.time, ok = timeFromText(raw)
	case '{', '[', 't', 'f':
		d.pos = start
		return d.wrongType(entryPath(i, "Time"), "a number of seconds since 1970")
	default:
		d.entry.time, ok = timeFromSeconds(string(raw))
	}
	if !ok && d.entry.fault == nil {
		d.entry.fault = badParameter(i, "Time", fmt.Sprintf("%.40s is neither a number of seconds since 1970 nor a time in RFC 3339.", raw))
	}
	return nil
}

func timeFromText(raw []byte) (t time.Time, ok bool) {
	s, fault := unquote(raw)
	if fault != nil {
		return t, false
	}
	return t, t.UnmarshalText([]byte(s)) == nil
}

// timeFromSeconds reads seconds since 1970 in the years 0 to 9999. A fraction
// is rounded to microseconds, as a double holds no more in our time.
func timeFromSeconds(s string) (time.Time, bool) {
	const first, last = -62_167_219_200, 253_402_300_799
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0).UTC(), n >= first && n <= last
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < first || f > last {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), true
}

// checkEntry looks for what is missing or wrong in an entry that is whole.
func (d *putDecoder) checkEntry(i int) *Error {
	e := &d.entry
	switch {
	case e.source.len() == 0:
		return required(i, "Source")
	case e.detailType.len() == 0:
		return required(i, "DetailType")
	case e.detail.len() == 0:
		return required(i, "Detail")
	case utf8.RuneCount(d.text[e.detailType.from:e.detailType.to]) > maxDetailType:
		return badParameter(i, "DetailType", fmt.Sprintf("DetailType must be at most %d characters long.", maxDetailType))
	}
	if fault := checkDetail(d.detail[e.detail.from:e.detail.to], d.limits.depth()); fault != nil {
		return &Error{
			Code: CodeMalformedDetail, Message: "Detail is malformed.",
			Path: entryPath(i, "Detail"), Offset: fault.offset, Reason: fault.Error(),
		}
	}
	return nil
}

func required(i int, name string) *Error {
	return badParameter(i, name, name+" is a required argument.")
}

func badParameter(i int, name, reason string) *Error {
	return &Error{
		Code: CodeInvalidArgument, Message: "Parameter " + name + " is not valid. Reason: " + reason,
		Path: entryPath(i, name),
	}
}

// event makes the event of an entry. Its strings share one allocation.
func (d *putDecoder) event() *Event {
	e := &d.entry
	text := string(d.text[:e.textLen])
	ev := &Event{
		Source:     text[e.source.from:e.source.to],
		DetailType: text[e.detailType.from:e.detailType.to],
		Time:       e.time,
		Meta: Metadata{
			Bus:    text[e.bus.from:e.bus.to],
			XRay:   text[e.trace.from:e.trace.to],
			Format: FormatEventBridge,
		},
	}
	if len(e.resources) > 0 {
		ev.Resources = make([]string, len(e.resources))
		for i, r := range e.resources {
			ev.Resources[i] = text[r.from:r.to]
		}
	}
	d.giveDetail(ev)
	ev.understand()
	return ev
}

// giveDetail gives the event its detail, without the white space around it.
func (d *putDecoder) giveDetail(ev *Event) {
	at := d.entry.detail
	if unused := len(d.detail) - at.len(); !d.large || unused > 2*largeRoom+at.len()/8 {
		ev.keepDetail(trimSpace(d.detail[at.from:at.to])) // events keep no more than they are said to
		return
	}
	for at.len() > 0 && isSpace(d.detail[at.from]) {
		at.from++
	}
	for at.len() > 0 && isSpace(d.detail[at.to-1]) {
		at.to--
	}
	ev.ownDetail(d.detail, at.from, at.len())
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// wrongType refuses a request in which a value of another type stands at the
// position.
func (d *putDecoder) wrongType(path, wanted string) *Error {
	start := d.pos
	if !d.value(0) {
		return notJSON(&d.fault)
	}
	return &Error{
		Code:    CodeSerialization,
		Message: path + ": expected " + wanted + ", found " + jsonType(d.scanner.text[start]),
		Path:    path, Offset: start,
	}
}

func entryPath(i int, field string) string {
	if field == "" {
		return fmt.Sprintf("Entries[%d]", i)
	}
	return fmt.Sprintf("Entries[%d].%s", i, field)
}
