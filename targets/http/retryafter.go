package http

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter keeps an absurd Retry-After from overflowing; the lane caps it
// to its own limit.
const maxRetryAfter = 30 * 24 * time.Hour

// parseRetryAfter reads a Retry-After header, seconds or a date (RFC 9110, section
// 10.2.3). Fractions of seconds, which some servers send, are taken too. What is
// neither, or has passed, is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && strings.Trim(value, "0123456789.") == "" {
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
