//go:build unix

package transport

import (
	"net"
	"syscall"
)

// probe asks a socket, without waiting, whether there is anything to read.
type probe struct {
	raw  syscall.RawConn
	peek func(fd uintptr)
	open *bool
}

func newProbe(c net.Conn) probe {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return probe{}
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return probe{}
	}
	open := new(bool)
	return probe{raw: raw, open: open, peek: func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		*open = err == syscall.EAGAIN
	}}
}

// silent is quiet for a new connection; one that can't be asked is taken to be.
func (p *probe) silent() bool { return p.raw == nil || p.quiet() }

// quiet reports whether the socket is open and has nothing to read.
func (p *probe) quiet() bool {
	return p.raw != nil && p.raw.Control(p.peek) == nil && *p.open
}
