package targets

import "net/http"

// CodeOf returns the error code of an HTTP status that is no success.
func CodeOf(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return CodeNoPermissions
	case http.StatusNotFound, http.StatusGone:
		return CodeNoResource
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return CodeTimeout
	case http.StatusTooManyRequests:
		return CodeThrottling
	case http.StatusConflict, http.StatusLocked, http.StatusTooEarly:
		return CodeErrorFromTarget
	}
	if status >= 400 && status < 500 {
		return CodeInvalidParameter
	}
	return CodeErrorFromTarget
}
