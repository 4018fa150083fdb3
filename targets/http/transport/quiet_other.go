//go:build !unix

package transport

import "net"

// probe can't ask here: a connection is used once.
type probe struct{}

func newProbe(net.Conn) probe { return probe{} }

func (*probe) quiet() bool { return false }

func (*probe) silent() bool { return true }
