// Package cli is what the commands share: how they are called, what they read, and how they
// print.
package cli

import (
	"errors"
	"io"

	"signalbox/rules"
)

// The codes that the program exits with.
const (
	ExitOK    = 0
	ExitError = 1
	ExitUsage = 2
)

// ErrReported ends a command with a failure that its output has told already.
var ErrReported = errors.New("reported")

// Env is what all commands share: where they read and print, and the flags of all.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Version is the program's.
	Version string
	// ConfigPath is a flag of every command.
	ConfigPath string
	// Loaded is the config.Config's that Load reads; it may be nil.
	Loaded func(rules.Files)
}
