package console

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"signalbox/api"
)

// The live pages that are open at once, how often one is looked at at most and at least, and
// how long a viewer may take for what is sent.
const (
	maxStreams  = 16
	liveEvery   = time.Second
	liveAtLeast = 30 * time.Second
	liveStall   = 30 * time.Second
	// liveShare is the part of the time that is spent on one page: a twentieth.
	liveShare = 20
)

// stream sends the parts of a page whenever they have changed, as server-sent events (WHATWG
// HTML, section 9.2): the event's name is the id of the element, its data what the element
// holds. A page that takes long to make is made less often.
func (v *visit) stream(p *page) {
	select {
	case v.streams <- struct{}{}:
		defer func() { <-v.streams }()
	default:
		v.fail(&api.Error{Status: http.StatusServiceUnavailable, Message: fmt.Sprintf("%d pages are kept up to date, and there may be no more", maxStreams), Hint: "close one"})
		return
	}
	control := http.NewResponseController(v.w)
	_ = control.SetReadDeadline(time.Time{}) // not supported by a recorder
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // nginx
	sent := map[string]string{}
	for {
		began := time.Now()
		parts, err := v.parts(p)
		if err != nil || v.locked() {
			parts = []part{{"gone", ""}} // the page tells what is wrong when it is loaded
		}
		_ = control.SetWriteDeadline(time.Now().Add(liveStall))
		if v.send(parts, sent) != nil || control.Flush() != nil || parts[0].name == "gone" {
			return
		}
		pause := min(max(liveEvery, liveShare*time.Since(began)), liveAtLeast)
		select {
		case <-v.ctx().Done():
			return
		case <-v.opts.Stopping.Done():
			return
		case <-time.After(pause):
		}
		v.now = time.Now().UTC()
		v.key = v.sessions.key(v.id, v.now)
	}
}

// part is the content of an element of a page.
type part struct{ name, html string }

// parts returns the parts of a page that change.
func (v *visit) parts(p *page) ([]part, error) {
	data, err := p.load(v)
	if err != nil {
		return nil, err
	}
	x := v.view(p, data)
	var all []part
	for _, name := range []string{"live", "nav"} {
		var html bytes.Buffer
		if err := p.template.ExecuteTemplate(&html, name, x); err != nil {
			return nil, err
		}
		// A carriage return ends a line of the stream, and would begin a field of it.
		all = append(all, part{name, strings.ReplaceAll(html.String(), "\r", "&#13;")})
	}
	return all, nil
}

// send writes the parts that differ from what was sent.
func (v *visit) send(parts []part, sent map[string]string) error {
	var out bytes.Buffer
	out.WriteString(": here\n\n")
	for _, p := range parts {
		if last, ok := sent[p.name]; ok && last == p.html {
			continue
		}
		sent[p.name] = p.html
		fmt.Fprintf(&out, "event: %s\n", p.name)
		for line := range bytes.Lines([]byte(p.html + "\n")) {
			fmt.Fprintf(&out, "data: %s\n", bytes.TrimSuffix(line, []byte("\n")))
		}
		out.WriteByte('\n')
	}
	_, err := out.WriteTo(v.w)
	return err
}
