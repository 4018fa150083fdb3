package files

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"
)

// Health knows whether the store can write in the background. Where it can't, as
// on a full disk, it tries again and again, and writes wait for it.
type Health struct {
	log *zap.Logger

	mu    sync.Mutex
	err   error
	since time.Time
	// told are the files whose damage has been logged.
	told map[string]bool
}

// NewHealth returns the health of a store that can write.
func NewHealth(log *zap.Logger) *Health { return &Health{log: log} }

// failed notes that a write in the background did not go through. It is logged
// once until one does.
func (h *Health) failed(err error) {
	h.mu.Lock()
	first := h.err == nil
	if h.err = err; first {
		h.since = time.Now()
	}
	h.mu.Unlock()
	if first {
		h.log.Error("journal can't write to its disk; it tries again, and no event is accepted meanwhile", zap.String("error", OneLine(err.Error())))
	}
}

// corrupt logs a file that can't be read as it was written, once.
func (h *Health) corrupt(info pebble.DataCorruptionInfo) {
	h.mu.Lock()
	first := !h.told[info.Path]
	if h.told == nil {
		h.told = map[string]bool{}
	}
	h.told[info.Path] = true
	h.mu.Unlock()
	if first {
		h.log.Error("a file of the store is damaged, and what is in it can't be read: stop the router, and restore the data directory from a backup; signalbox verify shows what else is",
			zap.String("file", info.Path), zap.String("error", OneLine(info.Details.Error())))
	}
}

// wrote notes that a write in the background went through.
func (h *Health) wrote(err error) {
	if err != nil {
		return
	}
	h.mu.Lock()
	was, since := h.err, h.since
	h.err = nil
	h.mu.Unlock()
	if was != nil {
		h.log.Info("journal writes to its disk again", zap.Duration("after", time.Since(since)))
	}
}

// Listener returns what notes in health what the store does in the background.
func (h *Health) Listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: h.failed,
		DataCorruption:  h.corrupt,
		FlushEnd:        func(f pebble.FlushInfo) { h.wrote(f.Err) },
		CompactionEnd:   func(c pebble.CompactionInfo) { h.wrote(c.Err) },
	}
}

// Trouble returns why the store can't write in the background at the moment; nil if it can.
func (h *Health) Trouble() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
