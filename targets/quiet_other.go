//go:build !unix

package targets

import "net"

// quiet cannot be told here; a connection that was idle for long is not used again.
func quiet(net.Conn) bool { return false }
