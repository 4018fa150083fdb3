//go:build !unix

package machine

// FileLimit returns how many files the process may open.
func FileLimit() int { return 8192 }
