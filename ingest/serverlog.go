package ingest

import (
	"log"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// serverLog logs what net/http says of connections: failed handshakes of TLS, and panics.
// Anybody can cause the former, so they are bounded; others are counted.
type serverLog struct {
	log    *zap.Logger
	notes  *rate.Limiter
	unsaid atomic.Int64
}

func newServerLog(logger *zap.Logger) *log.Logger {
	return log.New(&serverLog{log: logger, notes: rate.NewLimiter(rate.Every(time.Second), 5)}, "", 0)
}

// Write takes one message. Its text is a field, as parts of it are the caller's.
func (l *serverLog) Write(text []byte) (int, error) {
	said := strings.TrimSpace(string(text))
	switch {
	case strings.HasPrefix(said, "http: panic") || strings.HasPrefix(said, "http2: panic"):
		l.log.Error("the handler of a request failed", zap.String("cause", said))
	case l.notes.Allow():
		l.log.Warn("a connection failed", zap.String("cause", said), zap.Int64("others", l.unsaid.Swap(0)))
	default:
		l.unsaid.Add(1)
	}
	return len(text), nil
}
