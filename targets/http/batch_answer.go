package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"signalbox/targets"
)

// batchAnswer is what a target may say of the entries of a batch that it answers
// with success. A target that says nothing has taken all.
type batchAnswer struct {
	// Failures is the partial batch response of AWS Lambda: those named are to be
	// sent again.
	Failures []struct {
		ID string `json:"itemIdentifier"`
	} `json:"batchItemFailures"`
	// FailedCount and Entries are the answer of EventBridge's PutEvents, which has
	// an entry for each of the request's.
	FailedCount *int `json:"FailedEntryCount"`
	Entries     []struct {
		Code    string `json:"ErrorCode"`
		Message string `json:"ErrorMessage"`
	} `json:"Entries"`
}

// parseBatchAnswer returns the errors of the deliveries that a success excepts; nil
// where it excepts none. The error says that it excepts some, but not which.
func parseBatchAnswer(body []byte, cut bool, status int, batch []*targets.Delivery) (each []error, err error) {
	if !bytes.Contains(body, []byte(`"batchItemFailures"`)) && !bytes.Contains(body, []byte(`"FailedEntryCount"`)) {
		return nil, nil
	}
	var a batchAnswer
	switch err := json.Unmarshal(body, &a); {
	case cut:
		return nil, errAnswer(status, fmt.Errorf("it is longer than %d bytes, or broke off", targets.MaxAnswer))
	case err != nil:
		return nil, errAnswer(status, err)
	}
	if each, err = a.failures(status, batch); err != nil || a.FailedCount == nil || *a.FailedCount == 0 {
		return each, err
	}
	return a.entries(status, batch, each)
}

// failures reads the answer of Lambda's form. As Lambda's pollers do, it takes a
// name that is none of the batch's for a failure of all.
func (a *batchAnswer) failures(status int, batch []*targets.Delivery) (each []error, err error) {
	if len(a.Failures) == 0 {
		return nil, nil
	}
	named := make(map[string]bool, len(a.Failures))
	for _, f := range a.Failures {
		named[f.ID] = false
	}
	for i, d := range batch {
		for _, id := range [...]string{d.ID, d.EventID} {
			if _, ok := named[id]; ok && id != "" {
				named[id] = true
				each = targets.Note(each, len(batch), i, &targets.Error{
					Code: targets.CodeErrorFromTarget, Status: status, Tries: 1,
					Err: errors.New("the answer names it in batchItemFailures"),
				})
			}
		}
	}
	for _, f := range a.Failures {
		if !named[f.ID] {
			return nil, errAnswer(status, fmt.Errorf("itemIdentifier %q is no delivery's or event's id in this batch", f.ID))
		}
	}
	return each, nil
}

// entries reads the answer of PutEvents' form.
func (a *batchAnswer) entries(status int, batch []*targets.Delivery, each []error) ([]error, error) {
	if len(a.Entries) != len(batch) {
		return nil, errAnswer(status, fmt.Errorf("it has %d Entries for %d events", len(a.Entries), len(batch)))
	}
	failed := 0
	for i, e := range a.Entries {
		if e.Code == "" {
			continue
		}
		failed++
		each = targets.Note(each, len(batch), i, &targets.Error{
			Code: entryCode(e.Code), Status: status, Final: finalEntry(e.Code), Tries: 1,
			Err: fmt.Errorf("the answer says of it: %s: %s", e.Code, e.Message),
		})
	}
	if failed != *a.FailedCount {
		return nil, errAnswer(status, fmt.Errorf("FailedEntryCount is %d, but %d Entries have an ErrorCode", *a.FailedCount, failed))
	}
	return each, nil
}

// finalEntry reports whether sending an entry again cannot help, by the codes of
// PutEventsResultEntry in EventBridge's API reference.
func finalEntry(code string) bool {
	switch code {
	case "AccessDeniedException", "InvalidAccountIdException", "InvalidArgument", "MalformedDetail", "RedactionFailure",
		"NotAuthorizedForDetailTypeException", "NotAuthorizedForSourceException":
		return true
	}
	return false
}

func entryCode(code string) string {
	switch code {
	case "ThrottlingException":
		return targets.CodeThrottling
	case "AccessDeniedException", "NotAuthorizedForDetailTypeException", "NotAuthorizedForSourceException":
		return targets.CodeNoPermissions
	case "ResourceNotFoundException":
		return targets.CodeNoResource
	case "MalformedDetail":
		return targets.CodeInvalidJSON
	case "InvalidArgument", "InvalidAccountIdException":
		return targets.CodeInvalidParameter
	}
	return targets.CodeErrorFromTarget
}

// errAnswer is the error of a success that excepts some of a batch, but not which: all are
// sent again, for which they have their ids.
func errAnswer(status int, err error) error {
	return &targets.Error{Code: targets.CodeErrorFromTarget, Status: status, Tries: 1, Err: fmt.Errorf("the answer excepts some of the batch, but not clearly: %w", err)}
}
