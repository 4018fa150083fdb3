package serve

import (
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// The states that systemd is told, where it started the router with Type=notify.
const (
	notifyReady    = daemon.SdNotifyReady
	notifyStopping = daemon.SdNotifyStopping
)

// notify tells systemd in which state the router is; elsewhere it does nothing.
func (s *server) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd could not be told of the router's state", zap.String("state", state), zap.Error(err))
	}
}
