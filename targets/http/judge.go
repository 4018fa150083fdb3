package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"signalbox/targets"
)

// maxVerdict is how long an answer with a verdict can be.
const maxVerdict = 256

// judge returns what an answer means: by its status, by success_when, and by a verdict in it.
func (t *httpTarget) judge(resp *http.Response, d *targets.Delivery, to request, tries int) error {
	switch {
	case !t.answers.succeeds(resp.StatusCode):
		refusal := t.refused(resp, to, tries)
		return overruled(refusal, d, verdictIn([]byte(refusal.Snippet)))
	case t.answers.when != nil:
		return t.judgeBody(resp, to, tries)
	}
	var beginning [maxVerdict + 1]byte
	n := readAnswer(resp, beginning[:])
	verdict := verdictIn(beginning[:n])
	if verdict == "" || d.Answer != nil {
		return nil
	}
	again(resp, bytes.Clone(beginning[:n]))
	return overruled(t.refused(resp, to, tries), d, verdict)
}

// judgeBody is judge where success_when asks for the body.
func (t *httpTarget) judgeBody(resp *http.Response, to request, tries int) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, targets.MaxAnswer+1)) // one that broke off is judged as it is
	if err := t.fulfilled(resp, body); err != nil {
		again(resp, body)
		return t.unfulfilled(resp, to, tries, err)
	}
	readAnswer(resp, nil)
	return nil
}

// again puts what was read of an answer back.
func again(resp *http.Response, body []byte) {
	resp.Body = readAgain{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
}

// overruled returns a refusal as the verdict in the answer has it. Who reads an answer takes it
// as it is.
func overruled(refusal *targets.Error, d *targets.Delivery, verdict string) *targets.Error {
	if verdict != "" && d.Answer == nil {
		refusal.Final = verdict == verdictDrop
		refusal.Err = fmt.Errorf("%w; its result is %s", refusal.Err, verdict)
	}
	return refusal
}

// fulfilled returns why success_when does not hold of an answer.
func (t *httpTarget) fulfilled(resp *http.Response, body []byte) error {
	if t.answers.when == nil {
		return nil
	}
	if len(body) > targets.MaxAnswer {
		return fmt.Errorf("the answer is longer than %d bytes", targets.MaxAnswer)
	}
	result, err := t.answers.when.Run(messageOf(resp, body))
	switch yes, ok := result.(bool); {
	case err != nil:
		return err
	case !ok:
		return errors.New("the result is neither true nor false")
	case !yes:
		return errors.New("it does not hold")
	}
	return nil
}

func (t *httpTarget) unfulfilled(resp *http.Response, to request, tries int, why error) *targets.Error {
	e := t.refused(resp, to, tries)
	e.Code, e.Final = targets.CodeErrorFromTarget, false
	e.Err = fmt.Errorf("%w, and success_when: %s: %s", e.Err, t.answers.when.Source(), t.hide(why.Error()))
	return e
}

// The verdicts that an answer may give as {"result": "RETRY"}, whatever its status.
const (
	verdictRetry = "RETRY"
	verdictDrop  = "DROP"
)

// verdictIn returns the verdict in an answer; empty for none.
func verdictIn(body []byte) string {
	if len(body) > maxVerdict || !bytes.Contains(body, []byte(`"result"`)) {
		return ""
	}
	var a map[string]any
	if json.Unmarshal(bytes.Clone(body), &a) != nil { // of a copy, so that body can be on the stack
		return ""
	}
	if v, _ := a["result"].(string); v == verdictRetry || v == verdictDrop {
		return v
	}
	return ""
}
