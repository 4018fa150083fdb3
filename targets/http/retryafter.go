package http

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter keeps an absurd Retry-After from overflowing; the lane caps it
// to its own limit.
const maxRetryAfter = 30 * 24 * time.Hour

// parseRetryAfter reads a Retry-After header, seconds or a date (RFC 9110,
// section 10.2.3). What is neither, or has passed, is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
