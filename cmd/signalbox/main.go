// Signalbox routes events by rules: it takes them in over HTTP, matches them,
// and hands them to HTTP, queue, log and bus targets.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for schedules, where the system has no time zones, as an image of nothing else

	"signalbox/cmd/signalbox/internal/cli"
)

func main() {
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. A second one
// ends the process at once: whoever sees that the first was heard can rely on it.
func untilSignal(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan os.Signal, 2)
	signal.Notify(heard, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-heard
		signal.Stop(heard)
		if len(heard) > 0 { // it came before Stop
			os.Exit(cli.ExitError)
		}
		cancel()
	}()
	return ctx
}
