// Signalbox routes events by rules: it takes them in over HTTP, matches them,
// and hands them to HTTP, queue, log and bus targets.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal gives a context that ends with the first SIGINT or SIGTERM. A
// second one then ends the process at once, as if nobody listened.
func untilSignal(ctx context.Context) context.Context {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// hangups tells of each SIGHUP until stop is called; without it a hangup ends the
// process.
func hangups() (hangup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// ignoreBrokenPipes lets a write to a closed standard output or error fail, where it
// would end the process.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
