package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// What AWS's service model allows in PutEvents. The names of buses may hold slashes here, as
// those of partner buses do.
const (
	maxResource = 2048
	maxBus      = 1600
	maxTrace    = 500
	maxEndpoint = 50

	busPattern      = `(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+`
	endpointPattern = `^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$`
)

var isEndpoint = regexp.MustCompile(endpointPattern).MatchString

// constrain holds the members of entry i against the model.
func (d *putDecoder) constrain(i int) {
	e := &d.entry
	for n, r := range e.resources {
		if r.len() > maxResource { // as bytes, of which there are no fewer
			d.length(i, "resources."+strconv.Itoa(n+1)+".member", r, 0, maxResource)
		}
	}
	if bus := d.text[e.bus.from:e.bus.to]; e.seen&putBus != 0 && (len(bus) > maxBus || !isBus(bus)) {
		if !isBus(bus) {
			d.violations.Add(printed(bus), entryMember(i, "eventBusName"), "Member must satisfy regular expression pattern: "+busPattern)
		}
		d.length(i, "eventBusName", e.bus, 1, maxBus)
	}
	if e.seen&putTrace != 0 && (e.trace.len() == 0 || e.trace.len() > maxTrace) {
		d.length(i, "traceHeader", e.trace, 1, maxTrace)
	}
}

// length adds a violation where a text of entry i has too few or too many characters.
func (d *putDecoder) length(i int, member string, at span, least, most int) {
	d.violations.length(d.text[at.from:at.to], entryMember(i, member), least, most)
}

// length adds a violation where a text has too few or too many characters, of UTF-16.
func (v *Violations) length(text []byte, path string, least, most int) {
	switch n := len(utf16.Encode([]rune(string(text)))); {
	case n < least:
		v.Add(printed(text), path, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case n > most:
		v.Add(printed(text), path, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

// endpoint reads an EndpointId. There are no endpoints here: it only has to look like one.
func (d *putDecoder) endpoint() (v Violations, _ *Error) {
	if d.peek() == 'n' {
		if !d.literal("null") {
			return nil, notJSON(&d.fault)
		}
		return nil, nil
	}
	if d.peek() != '"' {
		return nil, d.wrongType("EndpointId", "a string")
	}
	start := d.pos
	if !d.str() {
		return nil, notJSON(&d.fault)
	}
	id, fault := unquote(d.scanner.text[start:d.pos])
	if fault != nil {
		return nil, notJSON(fault)
	}
	if !isEndpoint(id) {
		v.Add(printed([]byte(id)), "endpointId", "Member must satisfy regular expression pattern: "+endpointPattern)
	}
	v.length([]byte(id), "endpointId", 1, maxEndpoint)
	return v, nil
}

// isBus reports whether a text can name a bus, by its name or its ARN.
func isBus(text []byte) bool {
	if bytes.HasPrefix(text, []byte("arn:")) {
		name, _, _, ok := BusOfARN(string(text))
		return ok && isBusName([]byte(name))
	}
	return isBusName(text)
}

func isBusName(name []byte) bool {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', c == '/':
		default:
			return false
		}
	}
	return len(name) > 0
}

func entryMember(i int, member string) string {
	return "entries." + strconv.Itoa(i+1) + ".member." + member
}

func printed(value []byte) string { return "'" + string(value) + "'" }

// entryMembers are those of an entry in the order in which AWS prints them. The last two are not in its model.
var entryMembers = []string{"time", "source", "resources", "detailType", "detail", "eventBusName", "traceHeader", "kmsKeyIdentifier", "internalMetadata"}

// printedEntries are all entries as AWS prints them, which is how Java does. Those that follow once the text is longer
// than the entries of a request may be are left out.
func (d *putDecoder) printedEntries() string {
	var request map[string]any
	numbers := json.NewDecoder(bytes.NewReader(d.scanner.text))
	numbers.UseNumber()
	_ = numbers.Decode(&request) // which has been read once
	entries, _ := request["Entries"].([]any)
	var text strings.Builder
	for i, entry := range entries {
		if i > 0 {
			text.WriteString(", ")
		}
		if text.Len() > d.limits.size() {
			text.WriteString("…")
			break
		}
		members, ok := entry.(map[string]any)
		if !ok {
			text.WriteString(printedValue(entry))
			continue
		}
		for j, name := range entryMembers {
			separator := ", "
			if j == 0 {
				separator = "PutEventsRequestEntry("
			}
			text.WriteString(separator + name + "=" + printedValue(members[strings.ToUpper(name[:1])+name[1:]]))
		}
		text.WriteByte(')')
	}
	return "'[" + text.String() + "]'"
}

// printedValue is a member of an entry as AWS prints it.
func printedValue(v any) string {
	items, ok := v.([]any)
	switch {
	case v == nil:
		return "null"
	case !ok:
		return fmt.Sprint(v)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = printedValue(item)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
