package serve

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups reports each SIGHUP until stop is called; without it a hangup ends the
// process.
func hangups() (hangup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// ignoreBrokenPipes lets a write to a closed standard output or error fail, where it
// would end the process.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
