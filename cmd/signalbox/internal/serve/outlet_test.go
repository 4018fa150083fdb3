package serve

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
)

func TestOutlet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		o := &outlet{w: writer}
		registry := prometheus.NewRegistry()
		o.register(registry)
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const more = 5
		fits := outletBytes/len(line) + 1
		for range fits + more {
			if n, err := o.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := o.Sync(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("waited for who does not read: %v", err)
		}
		read := make(chan int)
		go func() {
			text, _ := io.ReadAll(reader)
			read <- strings.Count(string(text), "\n")
		}()
		if err := o.Sync(); err != nil {
			t.Error(err)
		}
		_, _ = o.Write(line)
		if err := o.Sync(); err != nil {
			t.Error(err)
		}
		_ = writer.Close()
		if got := <-read; got != fits+1 {
			t.Errorf("%d lines, want %d", got, fits+1)
		}
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != more {
			t.Errorf("%v, %v, want %d lines dropped", families, err, more)
		}
	})
}
