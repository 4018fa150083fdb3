package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"signalbox/journal/backup"
	"signalbox/journal/store"
)

// backupStall is how long a client may take no bytes of a backup before it is broken off: the
// files that it is made of take space meanwhile.
const backupStall = time.Minute

// backup streams a copy of the store. A failure after the first byte breaks the connection
// off, so that no client takes a part for the whole.
func (a *api) backup(w http.ResponseWriter, r *http.Request) {
	takesLong(w)
	begun := false
	out := &steadyWriter{w: w, until: []context.Context{r.Context()}}
	if a.Stopping != nil {
		out.until = append(out.until, a.Stopping)
	}
	err := backup.Send(out, a.Store, a.Version, func() {
		begun = true
		w.Header().Set("Content-Type", "application/x-tar")
	})
	switch {
	case err == nil:
		a.Logger.Info("backup sent", zap.Int64("bytes", out.sent))
	case begun:
		a.Logger.Warn("backup was broken off", zap.Int64("bytes", out.sent), zap.Error(err))
		panic(http.ErrAbortHandler)
	case errors.Is(err, store.ErrCheckpoint):
		a.fail(w, &Error{Status: http.StatusConflict, Message: "another backup is being made", Hint: "wait until it has ended"})
	default:
		a.fail(w, err)
	}
}

// steadyWriter writes to a client as long as that continues to take something.
type steadyWriter struct {
	w     http.ResponseWriter
	until []context.Context
	sent  int64
}

// Write fails once the request or the router ends.
func (s *steadyWriter) Write(p []byte) (int, error) {
	for _, ctx := range s.until {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
	_ = http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(backupStall)) // not supported by a recorder
	n, err := s.w.Write(p)
	s.sent += int64(n)
	return n, err
}
