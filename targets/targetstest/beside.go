package targetstest

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"signalbox/targets"
)

const (
	// InFlight is how many batches are under way at once, as of a target by default.
	InFlight = 8
	// perTurn is how many batches each of them sends before it is the other's turn.
	perTurn = 10
)

// Beside measures a target that sends a batch beside a loop of its bare client that sends as many
// messages. Both have InFlight under way at once, and take turns, so that what else the machine does
// meets both. It reports the target's rate, and the ratio of both rates and of the CPU time of this
// process.
func Beside(b *testing.B, messages int, target, bare func(worker int) error) {
	b.Helper()
	var took, used [2]time.Duration
	for _, send := range []func(int) error{target, bare} {
		turn(b, send)
	}
	for b.Loop() {
		for i, send := range []func(int) error{target, bare} {
			begin, cpu := time.Now(), cpuTime(b)
			turn(b, send)
			took[i] += time.Since(begin)
			used[i] += cpuTime(b) - cpu
		}
	}
	all := float64(b.N * InFlight * perTurn * messages)
	b.ReportMetric(all/took[0].Seconds(), "messages/s")
	b.ReportMetric(all/took[1].Seconds(), "bare-messages/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
	b.ReportMetric(used[1].Seconds()/used[0].Seconds(), "cpu-ratio")
}

func turn(b *testing.B, send func(worker int) error) {
	b.Helper()
	var workers errgroup.Group
	for worker := range InFlight {
		workers.Go(func() error {
			for range perTurn {
				if err := send(worker); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		b.Fatal(err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Sends returns what sends a batch to a target again and again.
func Sends(b *testing.B, t targets.Target, batch []*targets.Delivery) func(worker int) error {
	return func(int) error {
		if each, whole := t.(targets.BatchTarget).DeliverBatch(b.Context(), batch); each != nil || whole != nil {
			return fmt.Errorf("%v, %v", each, whole)
		}
		return nil
	}
}
