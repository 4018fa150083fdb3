package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	cloudevents "github.com/cloudevents/sdk-go/v2"
)

// TestStockClientsReachTheTarget sends with the AWS SDK, with the CloudEvents
// SDK and with plain HTTP; the target must get each event.
func TestStockClientsReachTheTarget(t *testing.T) {
	s := newSink(t)
	p := newProcess(t, `
targets:
  sink: {type: http, url: "`+s.url+`"}
rules:
  - {name: all, pattern: {source: [{prefix: shop.}]}, targets: [sink]}
`)
	p.start()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	aw := eventbridge.New(eventbridge.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(p.url),
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	out, err := aw.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{Source: aws.String("shop.aws"), DetailType: aws.String("OrderCreated"), Detail: aws.String(`{"total": 1.50}`), Time: aws.Time(time.Unix(1_700_000_000, 0))},
		{DetailType: aws.String("OrderCreated"), Detail: aws.String(`{}`)},
		{Source: aws.String("shop.aws"), DetailType: aws.String("T"), Detail: aws.String(`[]`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if out.FailedEntryCount != 2 || aws.ToString(out.Entries[1].ErrorCode) != "InvalidArgument" || aws.ToString(out.Entries[2].ErrorCode) != "MalformedDetail" {
		t.Errorf("got %+v", out)
	}
	_, err = aw.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 11)})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		t.Errorf("eleven entries: %v", err)
	}
	_, err = aw.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{EventPattern: aws.String(`{"source":"x"}`), Event: aws.String(`{"id":"1","account":"1","source":"x","time":"2026-01-01T00:00:00Z","region":"r","detail-type":"T"}`)})
	var invalid *types.InvalidEventPatternException
	if !errors.As(err, &invalid) {
		t.Errorf("a faulty pattern: %v", err)
	}

	ce, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(p.url + "/v1/events"))
	if err != nil {
		t.Fatal(err)
	}
	e := cloudevents.NewEvent()
	e.SetSource("shop.cloudevents")
	e.SetType("com.example.ticket.created.v1")
	if err := e.SetData(cloudevents.ApplicationJSON, map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	for id, send := range map[string]context.Context{"ce-1": cloudevents.WithEncodingBinary(ctx), "ce-2": cloudevents.WithEncodingStructured(ctx)} {
		e.SetID(id)
		if result := ce.Send(send, e); !cloudevents.IsACK(result) {
			t.Errorf("CloudEvents: %v", result)
		}
	}

	resp, err := http.Post(p.url+"/v1/events", "application/json", strings.NewReader(`[
		{"source": "shop.json", "detail-type": "T", "detail": {"a": 1}},
		{"eventType": "com.oraclecloud.x.begin", "cloudEventsVersion": "0.1", "eventTypeVersion": "2.0", "source": "shop.oci", "eventTime": "2019-08-16T15:09:04.550Z", "contentType": "application/json", "data": {"b": 2}, "eventID": "oci-1"}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("plain JSON and OCI: %s", resp.Status)
	}

	p.eventually(10*time.Second, "delivered", func() bool { return len(s.receipts()) >= 5 })
	got := map[string]string{}
	for _, r := range s.receipts() {
		var e struct {
			ID, Source string
			DetailType string `json:"detail-type"`
			Time       string
			Detail     json.RawMessage
		}
		if err := json.Unmarshal(r.body, &e); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
		if e.ID != r.event {
			t.Errorf("body says event %s, header %s", e.ID, r.event)
		}
		got[e.Source] = e.DetailType + " " + string(e.Detail)
	}
	for source, want := range map[string]string{
		"shop.aws":         `OrderCreated {"total": 1.50}`,
		"shop.cloudevents": `com.example.ticket.created.v1 {"n":1}`,
		"shop.json":        `T {"a": 1}`,
		"shop.oci":         `com.oraclecloud.x.begin {"b": 2}`,
	} {
		if got[source] != want {
			t.Errorf("%s: got %q, want %q", source, got[source], want)
		}
	}
}
