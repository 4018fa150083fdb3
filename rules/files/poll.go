package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pollFor begins to look at the files where there is a reason to, and tells the reason
// once; nil ends it.
func (r *watchRun) pollFor(reason error) {
	before := r.why
	r.polls, r.why = reason != nil, ""
	if !r.polls {
		return
	}
	if r.why = reason.Error(); r.why != before && r.Polling != nil {
		r.Polling(reason)
	}
}

// changed reports whether the files look otherwise than they did the last time.
func (r *watchRun) changed() bool {
	if !r.polls {
		return false
	}
	before := r.seen
	r.seen = looks(r.Paths())
	return r.seen != before
}

// looks returns the names, sizes and times of all that paths and globs lead to.
func looks(paths []string) string {
	var b strings.Builder
	for _, pattern := range paths {
		files := []string{pattern} // secrets and schemas are no rule files
		if abs, err := filepath.Abs(pattern); err == nil {
			if f, err := glob(abs); err == nil {
				files = f.files
			}
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				fmt.Fprintf(&b, "%s: %v\n", file, err)
				continue
			}
			fmt.Fprintf(&b, "%s %d %d %v\n", file, info.Size(), info.ModTime().UnixNano(), info.Mode())
		}
	}
	return b.String()
}
