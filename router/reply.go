package router

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// maxReply is how many events an answer may carry.
const maxReply = 100

// derive takes in the events that a target has answered a delivery with. They
// are on disk when it returns without an error; only then may the delivery end.
// The error is a *targets.Error: final where the answer is at fault.
func (in *intake) derive(a *delivery.Attempt) ([]journal.Seq, error) {
	d := &a.Send
	evs, err := replied(d.Answer)
	if err != nil {
		return nil, badReply(d, "%w", err)
	}
	if len(evs) == 0 {
		return nil, nil
	}
	cause, err := event.ParseEnvelope(a.Item.Envelope())
	if err != nil {
		return nil, badReply(d, "stored envelope: %w", err)
	}
	cause.Meta = *a.Item.Meta()
	for i, e := range evs {
		inherit(e, cause, d, i)
	}
	if hops := evs[0].Meta.Hops; hops > in.maxHops {
		return nil, tooFar(d, in.maxHops, evs[0])
	}
	if err := in.gate.writable(); err != nil {
		return nil, notTaken(err)
	}
	root := journal.Seq(cause.Meta.Root)
	from, ok, err := in.derivations.take(root, len(evs), in.maxDerived)
	if err != nil {
		return nil, notTaken(err)
	}
	if !ok {
		return nil, tooMany(a, from, len(evs), in.maxDerived)
	}
	for i, e := range evs {
		e.Meta.Root, e.Meta.Derived = cause.Meta.Root, from+i+1
	}
	refused, err := in.takeNew(in.base, evs)
	if err != nil {
		in.derivations.give(root, len(evs))
		return nil, notTaken(err)
	}
	in.derivations.give(root, notNew(evs, refused))
	if n, first := refusals(refused); n > 0 {
		return nil, badReply(d, "%d of its %d events were refused: %w", n, len(evs), first)
	}
	return in.seqsOf(evs), nil
}

// replied reads the events of an answer.
func replied(a *targets.Answer) ([]*event.Event, error) {
	switch {
	case a.Cut && len(a.Body) < targets.MaxAnswer:
		return nil, fmt.Errorf("it broke off after %d bytes", len(a.Body))
	case a.Cut:
		return nil, fmt.Errorf("it is longer than %d bytes: answer with fewer events, and send the others to /v1/events", targets.MaxAnswer)
	case len(bytes.TrimSpace(a.Body)) == 0 && a.Header.Get("Ce-Specversion") == "":
		return nil, nil
	}
	batch, err := decodeReply(a)
	if err != nil {
		return nil, noEvents(err)
	}
	for _, refused := range batch.Refused {
		if refused != nil {
			return nil, noEvents(refused)
		}
	}
	return batch.Events, nil
}

// noEvents returns how to fix an answer that can't be read as events.
func noEvents(err error) error {
	return fmt.Errorf("%w; a target with reply: events answers with CloudEvents, entries of PutEvents or envelopes, or with an empty body where there is no event", err)
}

// decodeReply reads an answer in any form in which events come in, told apart as
// on arrival, and entries of PutEvents, alone or in its request.
func decodeReply(a *targets.Answer) (event.Batch, error) {
	limits := event.Limits{MaxEntries: maxReply}
	media, _, _ := strings.Cut(a.ContentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	text := bytes.TrimSpace(a.Body)
	switch {
	case media == "application/cloudevents-batch+json":
		return noneOr(text, func() (event.Batch, error) { return event.DecodeCloudEvents(a.Body, limits) })
	case media == "application/cloudevents+json":
		return one(event.DecodeCloudEvent(a.Body, limits))
	case a.Header.Get("Ce-Specversion") != "":
		return one(event.DecodeCloudEventHTTP(a.Header, a.Body, limits))
	case media != "" && media != "application/json" && !strings.HasPrefix(media, "application/x-amz-json"):
		return event.Batch{}, fmt.Errorf("its Content-Type is %q: events come as application/json, application/cloudevents+json, "+
			"application/cloudevents-batch+json, or as a CloudEvent in ce- headers", a.ContentType)
	case putRequest(text):
		return event.DecodePutEvents(text, limits)
	case putEntries(text):
		return event.DecodePutEvents(append(append([]byte(`{"Entries":`), text...), '}'), limits)
	}
	return noneOr(text, func() (event.Batch, error) { return event.DecodeJSON(a.Body, limits) })
}

// noneOr reads an empty list as no event.
func noneOr(text []byte, decode func() (event.Batch, error)) (event.Batch, error) {
	if len(text) >= 2 && text[0] == '[' && len(bytes.TrimSpace(text[1:len(text)-1])) == 0 {
		return event.Batch{}, nil
	}
	return decode()
}

func one(e *event.Event, err error) (event.Batch, error) {
	return event.Batch{Events: []*event.Event{e}}, err
}

// putRequest reports whether a text looks like a request of PutEvents.
func putRequest(text []byte) bool { return firstKey(text, '{') == "Entries" }

// putEntries reports whether a text looks like a list of PutEvents' entries, whose
// members alone are in this spelling.
func putEntries(text []byte) bool {
	if len(text) == 0 || text[0] != '[' {
		return false
	}
	key := firstKey(bytes.TrimSpace(text[1:]), '{')
	return key != "" && key[0] >= 'A' && key[0] <= 'Z'
}

// firstKey is the key that an object begins with.
func firstKey(text []byte, opening byte) string {
	if len(text) == 0 || text[0] != opening {
		return ""
	}
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(text[1:]), []byte(`"`))
	if !ok {
		return ""
	}
	key, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(key)
}

// inherit makes an event the i-th that a delivery led to. Who makes the delivery
// again gets the same event again, which its ids tell.
func inherit(e, cause *event.Event, d *targets.Delivery, i int) {
	m := &e.Meta
	if e.ID == "" {
		e.ID = journal.DerivedID(d.ID, i)
	}
	m.CausationID = cause.ID
	m.CorrelationID = cmp.Or(cause.Meta.CorrelationID, cause.ID)
	m.DedupKey = cmp.Or(m.DedupKey, d.ID+"/"+strconv.Itoa(i))
	m.Bus = cmp.Or(m.Bus, d.Bus)
	m.Synthetic = m.Synthetic || cause.Meta.Synthetic
	m.Hops = cause.Meta.Hops + 1
	m.Path = event.Extend(cause.Meta.Path, event.Hop{
		EventID: cause.ID, DetailType: cause.DetailType, Bus: d.Bus, Rule: d.Rule, Target: d.Target,
	})
	if m.TraceParent == "" && m.XRay == "" {
		m.TraceParent, m.TraceState, m.XRay = cause.Meta.TraceParent, cause.Meta.TraceState, cause.Meta.XRay
	}
}

// badReply is the error of an answer that is at fault.
func badReply(d *targets.Delivery, format string, args ...any) *targets.Error {
	e := &targets.Error{Code: targets.CodeInvalidReply, Final: true, Tries: 1, Status: d.Answer.Status}
	e.Err = fmt.Errorf("target %q took the event, and its reply is no use: "+format, append([]any{d.Target}, args...)...)
	e.Snippet = strings.ToValidUTF8(string(d.Answer.Body[:min(len(d.Answer.Body), 1<<10)]), "�")
	if d.Hide != nil {
		e.Snippet = d.Hide(e.Snippet)
	}
	return e
}

// tooFar is the error of a loop that the rules did not show.
func tooFar(d *targets.Delivery, most int, e *event.Event) *targets.Error {
	return &targets.Error{Code: targets.CodeMaxHops, Final: true, Tries: 1, Status: d.Status, Err: fmt.Errorf(
		"the reply would be hop %d, and max_hops is %d: is there a loop in the rules? its path: %s", e.Meta.Hops, most, event.PathText(e.Meta.Path, e.DetailType))}
}

// notTaken is the error where the router can take nothing in at the moment: the
// delivery is made again.
func notTaken(err error) *targets.Error {
	e := &targets.Error{Code: targets.CodeInternalError, Tries: 1, Err: fmt.Errorf("the events of the reply could not be taken in: %w", err)}
	var busy *Busy
	if errors.As(err, &busy) {
		e.Code, e.RetryAfter = targets.CodeThrottling, busy.Wait
	}
	return e
}

// notNew counts the events that were refused, or accepted before.
func notNew(evs []*event.Event, refused []error) (n int) {
	for i, e := range evs {
		if refused[i] != nil || e.Duplicate {
			n++
		}
	}
	return n
}

// refusals counts the errors of a list, and gives the first.
func refusals(errs []error) (n int, first error) {
	for _, err := range errs {
		if err == nil {
			continue
		}
		if n++; n == 1 {
			first = err
		}
	}
	return n, first
}
