package serve

import (
	"io"
	"log"
	"strings"

	"go.uber.org/zap"
)

// synced is a standard error that what is written to it may still have to reach.
type synced struct {
	io.Writer
	outlet *outlet
}

// Sync is that of the outlet.
func (s synced) Sync() error { return s.outlet.Sync() }

// logLines makes entries of the log out of what is written for people, so that every line
// on standard error is JSON.
type logLines struct{ log *zap.Logger }

// Write logs one text as an error.
func (l logLines) Write(text []byte) (int, error) {
	if said := strings.TrimSpace(string(text)); said != "" {
		l.log.Error(strings.TrimPrefix(said, "signalbox: "))
	}
	return len(text), nil
}

// adoptStdLog sends what libraries write to Go's standard log to that of the server, until
// the returned function is called.
func (s *server) adoptStdLog() (end func()) {
	out, flags := log.Writer(), log.Flags()
	log.SetOutput(stdLog{s.log})
	log.SetFlags(0)
	return func() {
		log.SetOutput(out)
		log.SetFlags(flags)
	}
}

// stdLog takes what libraries say. Most of it, such as net/http's word of a handshake that
// failed, is anybody's to cause, and is for debugging; what has a stack is not.
type stdLog struct{ log *zap.Logger }

// Write logs one message; the stack of a panic is a field.
func (l stdLog) Write(text []byte) (int, error) {
	said, stack, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if stack == "" {
		l.log.Debug(said)
	} else {
		l.log.Error(said, zap.String("stack", stack))
	}
	return len(text), nil
}
