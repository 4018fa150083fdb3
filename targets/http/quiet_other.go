//go:build !unix

package http

import "net"

// quiet cannot be told here; a connection that was idle for long is not used again.
func quiet(net.Conn) bool { return false }
