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

// backupHandlers send a copy of the store.
type backupHandlers struct{ Options }

// send streams a copy of the store. A failure after the first byte breaks the connection
// off, so that no client takes a part for the whole.
func (h backupHandlers) send(w http.ResponseWriter, r *http.Request) (any, error) {
	takesLong(w)
	begun := false
	out := &steadyWriter{w: w, until: []context.Context{r.Context()}}
	if h.Stopping != nil {
		out.until = append(out.until, h.Stopping)
	}
	err := backup.Send(out, h.Store, h.Version, func() {
		begun = true
		w.Header().Set("Content-Type", "application/x-tar")
	})
	switch {
	case err == nil:
		h.Logger.Info("backup sent", zap.Int64("bytes", out.sent))
	case begun:
		h.Logger.Warn("backup was broken off", zap.Int64("bytes", out.sent), zap.Error(err))
		panic(http.ErrAbortHandler)
	case errors.Is(err, store.ErrCheckpoint):
		return nil, &Error{Status: http.StatusConflict, Message: "another backup is being made", Hint: "wait until it has ended"}
	}
	return nil, err
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
