package work

import (
	"strings"
	"testing"
	"time"

	"signalbox/event"
)

func TestMove(t *testing.T) {
	half := 50.0
	for _, c := range []struct {
		from, to Action
		percent  *float64
		refusal  Refusal
	}{
		{Accepted, InProgress, nil, None},
		{Accepted, Succeeded, nil, None},
		{Accepted, Accepted, nil, Unchanged},
		{InProgress, InProgress, nil, Unchanged},
		{InProgress, InProgress, &half, None},
		{InProgress, Accepted, nil, Backwards},
		{InProgress, Canceling, nil, None},
		{Canceling, Canceling, nil, Unchanged},
		{Canceling, InProgress, &half, Backwards},
		{Canceling, Succeeded, nil, None},
		{Canceling, Canceled, nil, None},
		{Succeeded, InProgress, &half, HasEnded},
		{Failed, Succeeded, nil, HasEnded},
		{Canceled, Canceled, nil, HasEnded},
	} {
		t.Run(string(c.from)+" to "+string(c.to), func(t *testing.T) {
			r := &Request{Action: c.from}
			next, refusal := r.Move(Change{Action: c.to, Percent: c.percent, At: time.Unix(9, 0)}, "step")
			if refusal != c.refusal || (next == nil) != (c.refusal != None) {
				t.Fatalf("%v, %q; want %q", next, refusal, c.refusal)
			}
			if next != nil && (next.Action != c.to || len(next.History) != 1 || next.TimeFinished.IsZero() == c.to.Ended()) {
				t.Errorf("%+v", next)
			}
			if r.Action != c.from || r.History != nil {
				t.Error("the request itself has changed")
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	r := &Request{Action: Accepted, History: []Step{{Action: Accepted}}}
	for i := range 200 {
		percent := float64(i+1) / 2
		r, _ = r.Move(Change{Action: InProgress, Percent: &percent}, "step")
	}
	if len(r.History) != maxHistory || r.History[0].Action != Accepted || r.History[maxHistory-1].Percent != 100 {
		t.Errorf("%d steps, the first %v, the last %v", len(r.History), r.History[0], r.History[len(r.History)-1])
	}
}

func TestRead(t *testing.T) {
	r := &Request{ID: "w", Operation: "CreateBdsInstance", EntityType: "bds-instance", Action: Accepted}
	for _, c := range []struct {
		name, detail string
		want         Action // empty: it says nothing
		percent      float64
	}{
		{"Anything", `{"actionType":"SUCCEEDED"}`, Succeeded, -1},
		{"Anything", `{"data":{"actionType":"in_progress","percentComplete":12.5}}`, InProgress, 12.5},
		{"Anything", `{"percentComplete":30}`, InProgress, 30},
		{"Anything", `{"percentComplete":130}`, "", -1},
		{"Anything", `{"percentComplete":"30"}`, "", -1},
		{"Anything", `{"actionType":"DONE"}`, "", -1},
		{"Anything", `{"status":"SUCCEEDED"}`, "", -1},
		{"Anything", `{"actionType":"FAILED","operation":"DeleteBdsInstance"}`, "", -1},
		{"Anything", `{"actionType":"FAILED","workRequestId":"other"}`, "", -1},
		{"CreateBdsInstanceStarted", `{}`, InProgress, -1},
		{"CreateBdsInstanceCompleted", `{}`, Succeeded, -1},
		{"BdsInstanceFailed", `{}`, Failed, -1},
		{"BdsInstanceCanceling", `{}`, Canceling, -1},
		{"com.example.bdsinstance.canceled.v1", `{}`, Canceled, -1},
		{"com.oraclecloud.bds.createbdsinstance.begin", `{}`, InProgress, -1},
		{"PaymentFailed", `{}`, "", -1},
		{"BdsInstanceCreated", `{}`, "", -1},
		{"Failed", `{}`, "", -1},
		{"", `[]`, "", -1},
	} {
		t.Run(c.name+c.detail, func(t *testing.T) {
			got, ok := r.Read(&event.Event{DetailType: c.name, Detail: []byte(c.detail)})
			if ok != (c.want != "") || ok && got.Action != c.want {
				t.Errorf("%q, %v; want %q", got.Action, ok, c.want)
			}
			if has := got.Percent != nil; has != (c.percent >= 0) || has && *got.Percent != c.percent {
				t.Errorf("percent %v, want %v", got.Percent, c.percent)
			}
		})
	}
}

func TestReadError(t *testing.T) {
	r := &Request{Operation: "Make"}
	for detail, want := range map[string]Failure{
		`{"actionType":"FAILED"}`:                                       {Message: "the handler's event X says so"},
		`{"actionType":"FAILED","error":"full"}`:                        {Message: "full"},
		`{"actionType":"FAILED","error":{"code":"Q","message":"full"}}`: {Code: "Q", Message: "full"},
	} {
		c, ok := r.Read(&event.Event{DetailType: "X", Detail: []byte(detail)})
		if !ok || c.Error == nil || *c.Error != want {
			t.Errorf("%s: %+v, want %+v", detail, c.Error, want)
		}
	}
}

func TestStepEventIsInTheOCIEnvelope(t *testing.T) {
	command := &event.Event{ID: "c", DetailType: "CreateBdsInstance", Source: "console", Detail: []byte(`{}`)}
	command.Meta = event.Metadata{Bus: "default", CorrelationID: "story", Synthetic: true, Received: time.Unix(100, 5).UTC()}
	e, err := New("w", command, Handler{Target: "bds"}, "s").StepEvent()
	if err != nil {
		t.Fatal(err)
	}
	m := e.Meta
	if m.CorrelationID != "story" || m.CausationID != "c" || !m.Synthetic || m.Bus != "default" || m.Kind != event.KindEvent {
		t.Errorf("%+v", m)
	}
	oci := string(e.AppendOCI(nil))
	for _, want := range []string{
		`"eventType":"WorkRequestAccepted"`, `"cloudEventsVersion":"0.1"`, `"eventTypeVersion":"1.0"`, `"source":"signalbox.work-requests"`,
		`"eventTime":"1970-01-01T00:01:40.000000005Z"`, `"contentType":"application/json"`, `"eventID":"s"`,
		`"resourceName":"bds-instance"`, `"actionType":"ACCEPTED"`, `"extensions":{"correlationId":"story","causationId":"c"}`,
	} {
		if !strings.Contains(oci, want) {
			t.Errorf("no %s in %s", want, oci)
		}
	}
}
