package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"signalbox/hooks"
	"signalbox/hooks/signature"
)

// delivery is a webhook as a provider sends it.
type delivery struct {
	hook string
	*hooks.Request
}

// read returns the delivery in a file. Its path names the hook.
func read(path string) (*delivery, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := hooks.ParseRequest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	name := strings.TrimPrefix(strings.Fields(line)[1], "/v1/hooks/")
	return &delivery{name, r}, nil
}

// sign puts the signature of a time in the place of the stored one, which is of another and
// would be refused. What has no time in it stays.
func (d *delivery) sign(now time.Time) {
	var fields []signature.Field
	switch d.hook {
	case "stripe":
		fields = append(fields, signature.SignStripe([]byte("whsec_example_old"), d.Body, now))
	case "slack":
		form := signature.HMAC{Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Signed: "v0:{timestamp}:{body}"}
		form.SetDefaults()
		fields = form.Sign([]byte("example-slack-secret"), d.Body, now)
	case "warehouse":
		form := signature.HMAC{Header: "X-Warehouse-Signature", Encoding: "base64", Prefix: "v1=", TimestampHeader: "X-Warehouse-Time"}
		form.SetDefaults()
		fields = form.Sign([]byte("example-warehouse-secret"), d.Body, now)
	case "standard":
		key, err := signature.ParseSigning("whsec_" + base64.StdEncoding.EncodeToString([]byte("example of a shared secret")))
		if err != nil {
			panic(err) // a constant
		}
		fields = []signature.Field{
			{Name: signature.HeaderTimestamp, Value: strconv.FormatInt(now.Unix(), 10)},
			{Name: signature.HeaderSignature, Value: signature.SignStandard([]signature.Key{key}, d.Header.Get(signature.HeaderID), now, d.Body)},
		}
	}
	for _, f := range fields {
		d.Header.Set(f.Name, f.Value)
	}
}

// send sends the delivery to a router, and returns the status of its answer.
func (d *delivery) send(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/hooks/"+d.hook, bytes.NewReader(d.Body))
	if err != nil {
		return "", err
	}
	r.Header = d.Header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode == http.StatusOK {
		return resp.Status, err
	}
	return resp.Status + " " + strings.TrimSpace(string(body)), err
}
