package amazon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws/smithy-go"

	"signalbox/targets"
)

// errCredentials means that a request could not be signed.
var errCredentials = errors.New("no credentials")

// throttledFor is how long the target is left alone that has too much.
const throttledFor = time.Second

// codes are the error codes for what answers hold, by a part of it; the first that fits counts.
var codes = []struct{ part, code string }{
	{"NonExistentQueue", targets.CodeNoResource},
	{"QueueDoesNotExist", targets.CodeNoResource},
	{"QueueDeletedRecently", targets.CodeNoResource},
	{"InvalidAddress", targets.CodeNoResource},
	{"NotFound", targets.CodeNoResource}, // of a topic
	{"Throttl", targets.CodeThrottling},  // also Kms.ThrottlingException
	{"TooManyRequests", targets.CodeThrottling},
	{"OverLimit", targets.CodeThrottling},
	{"SlowDown", targets.CodeThrottling},
	{"Kms", targets.CodeNoPermissions}, // rights and keys are given later
	{"AccessDenied", targets.CodeNoPermissions},
	{"NotAuthorized", targets.CodeNoPermissions},
	{"AuthFailure", targets.CodeNoPermissions},
	{"AuthorizationError", targets.CodeNoPermissions},
	{"EndpointDisabled", targets.CodeNoPermissions},
	{"InvalidSecret", targets.CodeNoPermissions},
	{"InvalidSecurity", targets.CodeNoPermissions},
	{"InvalidAccessKeyId", targets.CodeNoPermissions},
	{"InvalidClientTokenId", targets.CodeNoPermissions},
	{"UnrecognizedClient", targets.CodeNoPermissions},
	{"SignatureDoesNotMatch", targets.CodeNoPermissions},
	{"IncompleteSignature", targets.CodeNoPermissions},
	{"MissingAuthenticationToken", targets.CodeNoPermissions},
	{"ExpiredToken", targets.CodeNoPermissions},
	{"OptInRequired", targets.CodeNoPermissions},
	{"InvalidMessageContents", targets.CodeInvalidParameter},
	{"InvalidParameter", targets.CodeInvalidParameter},
	{"InvalidAttribute", targets.CodeInvalidParameter},
	{"MissingParameter", targets.CodeInvalidParameter},
	{"UnsupportedOperation", targets.CodeInvalidParameter},
	{"TooLong", targets.CodeInvalidParameter}, // MessageTooLong, BatchRequestTooLong
	{"ValidationError", targets.CodeInvalidParameter},
}

// codeOf returns the error code for what the service answered. Fault is whether it takes the
// sender to be wrong.
func codeOf(answer string, fault bool) string {
	for _, c := range codes {
		if strings.Contains(answer, c.part) {
			return c.code
		}
	}
	if fault {
		return targets.CodeInvalidParameter
	}
	return targets.CodeErrorFromTarget
}

// tooLong reports whether the service takes smaller requests than AWS's.
func tooLong(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && strings.Contains(answer.ErrorCode(), "BatchRequestTooLong")
}

// refused is the error of an entry that the service has refused.
func (t *Target) refused(code, text string, fault bool) *targets.Error {
	return t.failure(codeOf(code, fault), fmt.Errorf("%s: %s", code, text))
}

// failed is the error of a request.
func (t *Target) failed(ctx context.Context, err error) *targets.Error {
	var answer smithy.APIError
	status := statusOf(err)
	code := targets.CodeConnectionFailure
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		code = targets.CodeInternalError
	case ctx.Err() != nil:
		code = targets.CodeTimeout
	case errors.Is(err, errCredentials):
		code = targets.CodeNoPermissions
	case status == http.StatusTooManyRequests:
		code = targets.CodeThrottling
	case errors.As(err, &answer):
		code = codeOf(answer.ErrorCode(), false)
	case status != 0:
		code = targets.CodeErrorFromTarget
	}
	e := t.failure(code, Explain(ctx, err))
	e.Status = status
	return e
}

// statusOf returns the HTTP status of an answer; 0 where there was none.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// Explain returns the error of a request in the service's own words, if it has answered:
// "CODE: message (status N)".
func Explain(ctx context.Context, err error) error {
	var answer smithy.APIError
	switch {
	case errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, errCredentials):
	case ctx.Err() != nil:
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	case errors.As(err, &answer):
		err = fmt.Errorf("%s: %s (status %d)", answer.ErrorCode(), answer.ErrorMessage(), statusOf(err))
	}
	return shortened(err)
}

// maxReason bounds what is kept of an answer's words, in bytes.
const maxReason = 1024

func (t *Target) failure(code string, err error) *targets.Error {
	e := &targets.Error{Code: code, Final: code == targets.CodeInvalidParameter, Tries: 1}
	if code == targets.CodeThrottling {
		e.RetryAfter = throttledFor
	}
	e.Err = t.hidden.InError(fmt.Errorf("send to %s: %w", t.shown, shortened(err)))
	return e
}

func shortened(err error) error {
	if text := err.Error(); len(text) > maxReason {
		return errors.New(strings.ToValidUTF8(text[:maxReason], "") + "…")
	}
	return err
}
