package files

import (
	"os"
	"path/filepath"
	"time"
)

// clockSlack is how far the times of files may be behind the clock: systems note them by
// a clock of their own, which ticks every 1 to 10 ms.
const clockSlack = 100 * time.Millisecond

// asOf reports whether the files certainly are as they were at the time Since.
func (r *watchRun) asOf() bool {
	since, now := r.Since, time.Now()
	stepped := now.Round(0).Sub(since.Round(0)) - now.Sub(since) // of the clock on the wall
	if since.IsZero() || r.polls || stepped.Abs() > clockSlack {
		return false
	}
	since = since.Add(-clockSlack)
	for dir := range r.watched {
		if changedSince(dir, since) {
			return false
		}
	}
	for _, pattern := range r.Paths() {
		abs, err := filepath.Abs(pattern)
		if err != nil {
			return false
		}
		f, err := glob(abs)
		if err != nil {
			f.files = []string{abs} // secrets and schemas are no rule files
		}
		for _, file := range f.files {
			if changedSince(file, since) {
				return false
			}
		}
	}
	return true
}

// changedSince reports whether a file or directory has changed since then, or may have.
func changedSince(path string, since time.Time) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	at, ok := changedAt(info)
	return !ok || at.After(since)
}
