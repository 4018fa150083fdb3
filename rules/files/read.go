// Package files finds, reads and watches rule files, and others of their kind.
package files

import (
	"bytes"
	"errors"
	"io"
	"os"

	"signalbox/document"
)

// Read returns the text of a file, with a bound, and an error for what is not a regular
// file: reading a pipe would never end.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	text := bytes.NewBuffer(make([]byte, 0, min(info.Size(), document.MaxBytes)+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(f, document.MaxBytes+1)); err != nil {
		return nil, withoutPath(err)
	}
	src := text.Bytes()
	// Half of a file may be valid; whoever is writing it will cause another load.
	if after, err := f.Stat(); err != nil || len(src) <= document.MaxBytes && after.Size() != int64(len(src)) {
		return nil, errors.New("changed while it was read; it will be read again when it has been written")
	}
	return src, nil
}
