package rules

import (
	"fmt"
	"io"
	"os"

	"signalbox/rules/document"
)

// readFile reads a file whole, with a bound, and reports what is not a regular
// file: reading a pipe would never end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, document.MaxBytes+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	return src, nil
}
