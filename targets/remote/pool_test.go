package remote

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// dials is a server of connections that are numbers.
type dials struct {
	pool    Pool[int]
	made    int
	shut    []int
	down    error // what dials and checks answer
	checked int
}

func newDials() *dials {
	d := &dials{}
	d.pool.Dial = func(context.Context) (int, error) { d.made++; return d.made, d.down }
	d.pool.Check = func(context.Context, int) error { d.checked++; return d.down }
	d.pool.Shut = func(c int) { d.shut = append(d.shut, c) }
	return d
}

func (d *dials) get(t *testing.T) int {
	t.Helper()
	c, err := d.pool.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDials()
		a, b := d.get(t), d.get(t)
		if a == b {
			t.Fatal("one connection was given out twice")
		}
		d.pool.Put(a)
		d.pool.Put(b)
		if got := d.get(t); got != b || d.checked != 0 {
			t.Errorf("got %d after %d checks, want the one used last as it is", got, d.checked)
		}
		time.Sleep(idleCheck)
		if got := d.get(t); got != a || d.checked != 1 {
			t.Errorf("got %d after %d checks, want the idle one checked", got, d.checked)
		}
		d.pool.Put(a)
		time.Sleep(maxIdle)
		if got := d.get(t); got != 3 || d.checked != 1 || fmt.Sprint(d.shut) != "[1]" {
			t.Errorf("got %d after %d checks, %v shut, want a new one", got, d.checked, d.shut)
		}
		d.pool.Put(b)
		d.pool.Drop(3)
		if fmt.Sprint(d.shut) != "[1 3 2]" {
			t.Errorf("%v are shut, want the broken one and the idle one with it", d.shut)
		}
		last := d.get(t)
		d.pool.Put(last)
		d.pool.Close()
		d.pool.Put(9)
		if fmt.Sprint(d.shut) != "[1 3 2 4 9]" {
			t.Errorf("%v are shut, want all after the close", d.shut)
		}
	})
}

// TestAServerThatIsDown is dialed once for attempts side by side.
func TestAServerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDials()
		d.pool.Put(d.get(t))
		d.down = errors.New("refused")
		time.Sleep(idleCheck)
		for range 5 {
			if _, err := d.pool.Get(t.Context()); !errors.Is(err, d.down) || d.made != 2 {
				t.Fatalf("%v after %d dials", err, d.made)
			}
		}
		time.Sleep(redialWait)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.pool.Get(ctx); err == nil {
			t.Error("it connects")
		}
		d.down = nil
		if c := d.get(t); c != 4 { // the attempt's own end is no server's
			t.Errorf("got %d", c)
		}
	})
}
