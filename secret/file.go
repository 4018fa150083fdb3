package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxFile is how large the file of a secret can be.
const maxFile = 64 << 10

// readTime is how long reading one can take: a disk of the network may never answer.
const readTime = 5 * time.Second

// readFile returns the contents of a regular file of up to maxFile bytes. A pipe or a
// device would never end.
func readFile(path string) ([]byte, error) { return within(readTime, path, readRegular) }

func within(most time.Duration, path string, read func(path string) ([]byte, error)) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read(path)
		done <- result{text, err}
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.text, r.err
	case <-timer.C:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("not done after %v: look at the disk that it is on", most)}
	}
}

func readRegular(path string) ([]byte, error) {
	// Looked at before it is opened, as opening a pipe waits for its writer.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		return nil, pathError(path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("is longer than %d KiB", maxFile>>10)
	}
	if err != nil {
		return nil, pathError(path, err)
	}
	return text, nil
}

func pathError(path string, err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}
