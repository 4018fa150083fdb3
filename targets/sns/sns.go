// Package sns is the kind of target that publishes to a topic of Amazon SNS.
package sns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"signalbox/targets"
	"signalbox/targets/amazon"
)

// Service is SNS.
var Service = &amazon.Service{Name: "SNS", Scheme: "sns", Noun: "topic", MaxName: 256, MaxBytes: 256 << 10}

// Kind returns the kind of target: type: sns, or type: queue with a URL of SNS.
func Kind() *targets.Kind {
	return &targets.Kind{
		Name:    "sns",
		Schemes: []string{Service.Scheme},
		Traits:  targets.Traits{Batches: true},
		Options: func() targets.Options { return new(Options) },
		New: func(c *targets.Config, env targets.Env) (targets.Target, error) {
			o := c.Options.(*Options)
			return amazon.NewTarget(Service, c, &o.Options, o.Group, env, newTopic)
		},
	}
}

// Options are those of a target of type sns.
type Options struct {
	// URL is sns://REGION/ACCOUNT/TOPIC.
	amazon.Options `yaml:",inline" example:"sns://eu-central-1/123456789012/orders"`
	// Group is the message group of a FIFO topic. It may hold {{ expressions }} of the event. By
	// default it is the ordering key.
	Group string `yaml:"group" example:"orders" with:"{url: 'sns://eu-central-1/123456789012/orders.fifo'}"`
}

// Validate reports what is wrong with the options.
func (o *Options) Validate(c *targets.Config, v *targets.Validation) {
	o.ValidateFor(Service, o.Group, c, v)
}

// Show adds what of the options may be shown.
func (o *Options) Show(shown map[string]any) { o.ShowWith(o.Group, shown) }

// topic asks the service by its protocol, forms that are answered in XML
// (https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html): the client that AWS generates for all of SNS would
// be a thousand times the code of the one request that is needed.
type topic struct {
	caller              *amazon.Caller
	signer              *v4.Signer
	region, arn, server string
}

func newTopic(p amazon.Place, caller *amazon.Caller) amazon.Sender {
	return &topic{caller, v4.NewSigner(), p.Region, strings.Join([]string{"arn", partition(p.Region), "sns", p.Region, p.Account, p.Name}, ":"), caller.Base("sns", p.Region)}
}

// partition returns the part of AWS that a region belongs to.
func partition(region string) string {
	for prefix, name := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov"} {
		if strings.HasPrefix(region, prefix) {
			return name
		}
	}
	return "aws"
}

// answer is that to PublishBatch.
type answer struct {
	Successful []struct {
		ID string `xml:"Id"`
	} `xml:"PublishBatchResult>Successful>member"`
	Failed []struct {
		ID          string `xml:"Id"`
		Code        string
		Message     string
		SenderFault bool
	} `xml:"PublishBatchResult>Failed>member"`
}

// Send publishes messages.
func (t *topic) Send(ctx context.Context, all []*amazon.Message) (*amazon.Answer, error) {
	body, err := t.ask(ctx, t.form(all).Encode())
	if err != nil {
		return nil, err
	}
	var a answer
	if err := xml.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer is no XML: %w", err)
	}
	out := &amazon.Answer{}
	for _, s := range a.Successful {
		out.Sent = append(out.Sent, s.ID)
	}
	for _, f := range a.Failed {
		out.Refused = append(out.Refused, amazon.Refusal{ID: f.ID, Code: f.Code, Text: f.Message, SenderFault: f.SenderFault})
	}
	return out, nil
}

func (t *topic) form(all []*amazon.Message) url.Values {
	form := url.Values{"Action": {"PublishBatch"}, "Version": {"2010-03-31"}, "TopicArn": {t.arn}}
	for i, m := range all {
		entry := "PublishBatchRequestEntries.member." + strconv.Itoa(i+1) + "."
		form.Set(entry+"Id", strconv.Itoa(i))
		form.Set(entry+"Message", m.Body)
		for k, a := range m.Attributes {
			attribute := entry + "MessageAttributes.entry." + strconv.Itoa(k+1) + "."
			form.Set(attribute+"Name", a.Name)
			form.Set(attribute+"Value.DataType", "String")
			form.Set(attribute+"Value.StringValue", a.Value)
		}
		if m.Group != "" {
			form.Set(entry+"MessageGroupId", m.Group)
			form.Set(entry+"MessageDeduplicationId", m.DeduplicationID)
		}
	}
	return form
}

// ask sends a form and returns the body of an answer of 200. Another answer is an error, as clients
// of AWS have it.
func (t *topic) ask(ctx context.Context, form string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, t.server, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials, err := t.caller.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(form))
	if err := t.signer.SignHTTP(ctx, credentials, q, hex.EncodeToString(sum[:]), "sns", t.region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := t.caller.HTTP.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: refusal(resp, body, err)}
	}
	return body, nil
}

// refusal returns what an answer says that is not one of 200.
func refusal(resp *http.Response, body []byte, err error) error {
	var a struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	switch {
	case err != nil:
		return err
	case xml.Unmarshal(bytes.TrimSpace(body), &a) != nil || a.Code == "":
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return &smithy.GenericAPIError{Code: a.Code, Message: a.Message}
}
