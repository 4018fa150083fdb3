// Package kafka is the kind of target that produces to a topic of Kafka.
package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// target produces each delivery, and has delivered it when all replicas that are in sync have
// it. Attempts run side by side over one client, which gathers their records into requests.
type target struct {
	client *kgo.Client
	// single sends one record at a time, that nothing else is judged with.
	single  *kgo.Client
	singles chan struct{}
	late    late
	brokers *Client
	// known are the topics that are there, with a pointer of its own from when each was found until
	// it was lost. The client keeps asking about each that it is given, so that it is only given these.
	known     sync.Map
	losing    sync.Mutex
	create    bool
	topic     template.Name
	fixed     string            // the topic where events do not choose it
	key       *exprenv.OrderKey // nil for none
	renderer  *remote.Renderer
	hidden    remote.Hidden
	timeout   time.Duration
	maxRecord int64
}

func newTarget(c *targets.Config, env targets.Env) (targets.Target, error) {
	o := c.Options.(*Options)
	renderer, err := remote.NewQueueRenderer(c, &o.Options, remote.Kafka, env)
	if err != nil {
		return nil, err
	}
	u, _, _, err := o.Address(env.Secrets, c.Dir, Schemes...)
	if err != nil {
		return nil, err
	}
	brokers, secrets, err := NewClient(c.Name, c.Dir, o.Server(), &o.Login, o.SASLMechanism, env.Secrets, env.Egress)
	if err != nil {
		return nil, err
	}
	t := &target{
		singles: make(chan struct{}, 1), late: late{records: map[string]*sent{}}, create: o.CreateTopic, brokers: brokers,
		renderer: renderer, hidden: remote.NewHidden(slices.Concat(secrets, renderer.Secrets())), timeout: c.Timeout, maxRecord: int64(o.MaxMessageBytes),
	}
	if t.topic, err = template.ParseName("topic", cmp.Or(o.Topic, strings.Trim(u.Path, "/")), maxTopic); err != nil {
		return nil, err
	}
	t.fixed, _ = t.topic.Text.Literal()
	if source := cmp.Or(o.Key, c.OrderBy); source != "" {
		if t.key, err = exprenv.CompileOrderKey(source); err != nil {
			return nil, err
		}
	}
	options := producing(c, o)
	if t.client, err = brokers.Open(options...); err != nil {
		return nil, t.hidden.InError(err)
	}
	if t.single, err = brokers.Open(options...); err != nil {
		t.client.Close()
		return nil, t.hidden.InError(err)
	}
	return t, nil
}

// record makes r the record of a delivery, of what it renders into m, of whose memory nothing is kept.
// Its headers are appended to those of records before it.
func (t *target) record(r *kgo.Record, headers []kgo.RecordHeader, d *targets.Delivery, m *remote.Message, now time.Time) ([]kgo.RecordHeader, error) {
	if err := t.renderer.RenderInto(m, d, now); err != nil {
		return headers, err
	}
	before := len(headers)
	headers = appendHeaders(headers, m.Fields)
	*r = kgo.Record{Topic: t.fixed, Value: m.Body, Headers: headers[before:len(headers):len(headers)]}
	if t.fixed == "" {
		names, err := template.Names(d, t.topic)
		if err != nil {
			return headers, err
		}
		r.Topic = notInTopic.ReplaceAllString(names[0], "_")
	}
	key, err := template.KeyOf(d, t.key)
	if key != "" {
		r.Key = []byte(key)
	}
	return headers, err
}

// appendHeaders appends headers as the client takes them. It only reads values, so that they need no copy.
func appendHeaders(dst []kgo.RecordHeader, fields []remote.Field) []kgo.RecordHeader {
	for _, f := range fields {
		dst = append(dst, kgo.RecordHeader{Key: f.Name, Value: unsafe.Slice(unsafe.StringData(f.Value), len(f.Value))})
	}
	return dst
}

// Deliver produces the delivery and waits for the brokers' acknowledgement.
func (t *target) Deliver(ctx context.Context, d *targets.Delivery) error {
	return targets.Alone(t.DeliverBatch(ctx, []*targets.Delivery{d}))
}

// DeliverBatch produces the deliveries, each as a record of its own, and waits for the
// acknowledgement of each.
func (t *target) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	records, all := make([]*kgo.Record, len(batch)), make([]kgo.Record, len(batch))
	var m remote.Message
	var headers []kgo.RecordHeader
	now := time.Now()
	for i, d := range batch {
		var err error
		headers, err = t.record(&all[i], headers, d, &m, now)
		if each = targets.Note(each, len(batch), i, err); err == nil {
			records[i] = &all[i]
		}
		if i == 0 {
			headers = slices.Grow(headers, len(headers)*(len(batch)-1)) // most have as many
		}
	}
	refused, err := t.look(ctx, records)
	if err != nil {
		return each, t.failed(ctx, "", err)
	}
	for i, s := range t.send(batch, records, refused) {
		if records[i] == nil {
			continue
		}
		err := refused[records[i].Topic]
		if s != nil {
			err = t.outcome(ctx, s)
		}
		if err != nil {
			each = targets.Note(each, len(batch), i, t.failed(ctx, records[i].Topic, err))
		}
	}
	return each, nil
}

// Preview renders the record that Deliver produces.
func (t *target) Preview(d *targets.Delivery) (targets.Request, error) {
	var m remote.Message
	var r kgo.Record
	if _, err := t.record(&r, nil, d, &m, time.Now()); err != nil {
		return targets.Request{}, err
	}
	address := fmt.Sprintf("topic %q", r.Topic)
	if r.Key != nil {
		address += fmt.Sprintf(" with key %q", r.Key)
	}
	return targets.Request{Method: "PRODUCE", Address: t.hidden.In(address), Headers: t.renderer.Preview(&m), Body: string(m.Body)}, nil
}

// Close closes the connections, and returns when they are closed.
func (t *target) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // for what is on its way
	defer cancel()
	var wait sync.WaitGroup
	for _, client := range []*kgo.Client{t.client, t.single} {
		wait.Go(func() {
			_ = client.Flush(ctx) // what does not arrive is sent again
			client.Close()
		})
	}
	wait.Wait()
	return nil
}
