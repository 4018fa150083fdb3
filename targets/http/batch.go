package http

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"signalbox/targets"
	"signalbox/targets/remote"
)

// DeliverBatch makes one attempt to post the deliveries as one JSON array.
func (t *httpTarget) DeliverBatch(ctx context.Context, batch []*targets.Delivery) (each []error, whole error) {
	m, each := t.renderer.RenderBatch(batch, time.Now())
	if m == nil {
		return each, nil
	}
	if len(m.Body) > t.maxBytes && len(batch) > 1 {
		return each, remote.ErrBatchBytes(len(m.Body), t.maxBytes)
	}
	to, err := t.address(m, batch[0]) // with parameters it is alone; see SameBatch
	if err != nil {
		return each, err
	}
	ctx, cancel := targets.Bound(ctx, t.timeout)
	defer cancel()
	resp, tries, err := t.do(ctx, m, to)
	if err != nil {
		return each, t.broken(ctx, to, err, tries)
	}
	defer resp.Body.Close()
	noteAnswer(resp, batch)
	sent := batch
	if each != nil {
		sent = without(batch, each)
	}
	if t.answers.succeeds(resp.StatusCode) {
		failed, err := readBatchAnswer(resp, sent)
		t.hideIn(append(slices.Clone(failed), err))
		return merge(each, failed), err
	}
	refusal := t.refused(resp, to, tries)
	if refusal.Final && aboutAddress(resp.StatusCode) {
		failed := make([]error, len(sent))
		for i := range failed {
			failed[i] = refusal
		}
		return merge(each, failed), nil
	}
	return each, refusal
}

// hideIn hides the target's secrets in errors that quote an answer.
func (t *httpTarget) hideIn(all []error) {
	for _, err := range all {
		if e := (*targets.Error)(nil); errors.As(err, &e) {
			if text := t.hide(e.Err.Error()); text != e.Err.Error() {
				e.Err = &remote.HiddenError{Text: text, Cause: e.Err}
			}
		}
	}
}

// aboutAddress reports whether a refusal is of the address or the login, and not of
// what was sent: a part of the batch would be refused too.
func aboutAddress(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusProxyAuthRequired, http.StatusGone, http.StatusNotImplemented:
		return true
	}
	return status < 400
}

// noteAnswer notes with each delivery that there was an answer, and with those that ask, of
// what type. Its body belongs to none of them, as it speaks for all.
func noteAnswer(resp *http.Response, batch []*targets.Delivery) {
	for _, d := range batch {
		d.Status = resp.StatusCode
		if d.Answer != nil {
			*d.Answer = targets.Answer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type")}
		}
	}
}

// readBatchAnswer reads a success to its end, and what it excepts.
func readBatchAnswer(resp *http.Response, sent []*targets.Delivery) (each []error, whole error) {
	if resp.ContentLength == 0 || resp.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, targets.MaxAnswer+1))
	return parseBatchAnswer(body, err != nil || len(body) > targets.MaxAnswer, resp.StatusCode, sent)
}

// without returns the deliveries that have no error yet.
func without(batch []*targets.Delivery, each []error) []*targets.Delivery {
	var sent []*targets.Delivery
	for i, d := range batch {
		if each[i] == nil {
			sent = append(sent, d)
		}
	}
	return sent
}

// merge puts the errors of those that were sent among the errors of those that
// were not.
func merge(each, sent []error) []error {
	if each == nil {
		return sent
	}
	next := 0
	for i := range each {
		if each[i] == nil && next < len(sent) {
			each[i] = sent[next]
			next++
		}
	}
	return each
}
