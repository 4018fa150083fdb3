package log

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/DeRuina/timberjack"
)

// file is a file that lines are appended to. It follows its path: when another program
// has moved the file away or removed it, the next write goes to a new one.
type file struct {
	path   string
	rotate *Rotate

	out  *os.File // nil where it could not be opened again
	info fs.FileInfo
	size int64
}

// open opens the file.
func (f *file) open() (err error) {
	flags := os.O_APPEND | os.O_CREATE | os.O_WRONLY
	if info, err := os.Stat(f.path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		flags |= syscall.O_NONBLOCK // else it would wait for who reads the pipe
	}
	out, err := os.OpenFile(f.path, flags, 0o640)
	if err != nil {
		return err
	}
	if f.info, err = out.Stat(); err != nil {
		return errors.Join(err, out.Close())
	}
	f.out, f.size = out, f.info.Size()
	return nil
}

// Write appends whole lines.
func (f *file) Write(lines []byte) (int, error) {
	if f.moved() {
		if err := f.reopen(); err != nil {
			return 0, err
		}
	}
	if f.rotate != nil && f.info.Mode().IsRegular() && f.size > 0 && f.size+int64(len(lines)) > int64(f.rotate.MaxBytes) {
		if err := f.full(); err != nil {
			return 0, err
		}
	}
	n, err := f.out.Write(lines)
	f.size += int64(n)
	return n, err
}

// moved reports whether the path is no longer that of the open file.
func (f *file) moved() bool {
	if f.out == nil {
		return true
	}
	info, err := os.Stat(f.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.info)
}

func (f *file) reopen() error { return errors.Join(f.close(), f.open()) }

// full moves the file away, begins another, and removes the oldest ones.
func (f *file) full() error {
	if err := f.close(); err != nil {
		return err
	}
	rotating := &timberjack.Logger{
		Filename: f.path, MaxBackups: f.rotate.Keep,
		BackupTimeFormat: "2006-01-02T15-04-05.000000000", // it takes those of one time for one
	}
	return errors.Join(rotating.Rotate(), rotating.Close(), f.open())
}

// close closes the file.
func (f *file) close() error {
	out := f.out
	f.out = nil
	if out == nil {
		return nil
	}
	return out.Close()
}
