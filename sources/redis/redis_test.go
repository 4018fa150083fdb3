package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	redisio "github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// do does something on a connection of its own.
func do(t testing.TB, address, command string, args ...any) any {
	t.Helper()
	c, err := redisio.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Do(command, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", command, args, err)
	}
	return answer
}

// publish adds entries whose bodies are {"n": from} and so on.
func publish(t testing.TB, address string) func(from, n int) {
	return func(from, n int) {
		t.Helper()
		c, err := redisio.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for i := from; i < from+n; i++ {
			if _, err := c.Do("XADD", "orders", "*", "body", fmt.Sprintf(`{"n": %d}`, i), "X-Shop", "a"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func config(address string) sources.Config {
	o := &Options{Stream: "orders"}
	o.URL = "redis://" + address
	return sources.Config{Name: "orders", Kind: Kind(), Type: "redis", Options: o, Map: &sources.Map{DetailType: `"Order"`}}
}

func TestEntriesBecomeEvents(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 700)
	router := sourcestest.NewRouter(t)
	sup := sourcestest.Run(t, router, config(s.Address))
	router.Await(700)
	do(t, s.Address, "XADD", "orders", "*", "n", "700", "note", "größe")
	router.Await(701)
	for i, e := range router.Events() {
		if i < 700 && string(e.Detail) != fmt.Sprintf(`{"n": %d}`, i) || i == 700 && string(e.Detail) != `{"n":"700","note":"größe"}` {
			t.Fatalf("event %d: %s", i, e.Detail)
		}
	}
	sourcestest.Until(t, "all is acknowledged", func() bool {
		pending, err := redisio.Values(do(t, s.Address, "XPENDING", "orders", "signalbox-orders"), nil)
		return err == nil && pending[0] == int64(0)
	})
	sourcestest.Until(t, "the lag is known", func() bool { lag := sup.Statuses()[0].Lag; return lag != nil && *lag == 0 })
}

func TestTheServerIsKilled(t *testing.T) {
	s := targetstest.StartRedis(t, "--appendfsync", "always")
	do(t, s.Address, "XGROUP", "CREATE", "orders", "signalbox-orders", "0", "MKSTREAM")
	sourcestest.SurvivesKill(t, config(s.Address), publish(t, s.Address), func() { s.Kill(); s.Start() })
}

// TestWhatWasInHandComesFirst: in the order of the stream.
func TestWhatWasInHandComesFirst(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 600)
	router := sourcestest.NewRouter(t)
	router.Refuse(errors.New("the disk is gone"))
	sup := sourcestest.Run(t, router, config(s.Address))
	sourcestest.Until(t, "it fails", func() bool { return sup.Statuses()[0].State == sources.StateFailing })
	if err := sup.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, s.Address)(600, 100)
	router.Refuse(nil)
	sourcestest.Run(t, router, config(s.Address))
	router.Await(700)
	router.Each(700)
	for i, e := range router.Events() {
		if string(e.Detail) != fmt.Sprintf(`{"n": %d}`, i) {
			t.Fatalf("event %d is %s: out of order", i, e.Detail)
		}
	}
}

func TestEntriesOfAConsumerThatIsGone(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 10)
	do(t, s.Address, "XGROUP", "CREATE", "orders", "signalbox-orders", "0")
	do(t, s.Address, "XREADGROUP", "GROUP", "signalbox-orders", "gone", "COUNT", 5, "STREAMS", "orders", ">")
	do(t, s.Address, "XDEL", "orders", strings.Split(fmt.Sprintf("%s", do(t, s.Address, "XRANGE", "orders", "-", "+", "COUNT", 1).([]any)[0].([]any)[0]), " ")[0])
	conn := open(t, config(s.Address)).(*conn)
	defer conn.Close()
	reader, err := conn.dialer.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if entries, err := conn.claim(reader); err != nil || len(entries) != 0 {
		t.Fatalf("claimed %d entries that are in hand, %v", len(entries), err)
	}
	answer, err := reader.DoIn(t.Context(), "XAUTOCLAIM", "orders", "signalbox-orders", "orders@"+host(), 0, "0", "COUNT", 10)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := entriesOf(answer.([]any)[1]); err != nil || len(entries) < 4 {
		t.Errorf("claimed %d entries, %v, want those that are there", len(entries), err)
	}
}

func TestDeletedEntriesAreAcknowledged(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 3)
	do(t, s.Address, "XGROUP", "CREATE", "orders", "signalbox-orders", "0")
	do(t, s.Address, "XREADGROUP", "GROUP", "signalbox-orders", "orders@"+host(), "STREAMS", "orders", ">")
	do(t, s.Address, "XTRIM", "orders", "MAXLEN", 1)
	router := sourcestest.NewRouter(t)
	sourcestest.Run(t, router, config(s.Address))
	router.Await(1)
	sourcestest.Until(t, "nothing is pending", func() bool {
		pending, err := redisio.Values(do(t, s.Address, "XPENDING", "orders", "signalbox-orders"), nil)
		return err == nil && pending[0] == int64(0)
	})
}

// open connects once.
func open(t *testing.T, c sources.Config) sources.Conn {
	t.Helper()
	conn, err := try(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func try(t *testing.T, c sources.Config) (sources.Conn, error) {
	t.Helper()
	s, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	opener, err := s.Kind.New(&s.Config, sources.Env{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := opener.Open(ctx)
	if err != nil {
		return nil, opener.Hide(err)
	}
	return conn, nil
}

func TestErrors(t *testing.T) {
	s := targetstest.StartRedis(t, "--requirepass", "a-long-password")
	o := func(change func(*Options)) sources.Config {
		c := config(s.Address)
		change(c.Options.(*Options))
		return c
	}
	for _, tt := range []struct {
		c    sources.Config
		want string
	}{
		{o(func(o *Options) {}), "NOAUTH"},
		{o(func(o *Options) { o.Password = "another-password" }), "WRONGPASS"},
		{o(func(o *Options) { o.Password = "a-long-password" }), "there is no such stream"},
		{o(func(o *Options) { o.URL = "redis://127.0.0.1:1" }), "refused"},
	} {
		_, err := try(t, tt.c)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "another-password") {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestEntriesAreKnownToOtherSources(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 1) // there is a stream
	do(t, s.Address, "XTRIM", "orders", "MAXLEN", 0)
	other := config(s.Address)
	other.Name = "renamed"
	sourcestest.KnownToOthers(t, config(s.Address), other, publish(t, s.Address))
}

// inHand makes a consumer have so many new entries in hand, for so long.
func inHand(t testing.TB, address, consumer string, n int, idle time.Duration) {
	t.Helper()
	do(t, address, "XREADGROUP", "GROUP", "signalbox-orders", consumer, "COUNT", n, "STREAMS", "orders", ">")
	for _, one := range pending(t, address, 0, consumer) {
		do(t, address, "XCLAIM", "orders", "signalbox-orders", consumer, 0, one, "IDLE", idle.Milliseconds(), "JUSTID")
	}
}

// pending returns the ids of the entries that a consumer has had in hand for so long.
func pending(t testing.TB, address string, idle time.Duration, consumer string) (ids []any) {
	t.Helper()
	list, err := redisio.Values(do(t, address, "XPENDING", "orders", "signalbox-orders", "IDLE", idle.Milliseconds(), "-", "+", 1000, consumer), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		ids = append(ids, one.([]any)[0])
	}
	return ids
}

// TestEntriesBehindThoseInHand: what a consumer that is gone had is found behind what others work
// on, of which the server looks at ten for each that is asked for.
func TestEntriesBehindThoseInHand(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 105)
	do(t, s.Address, "XGROUP", "CREATE", "orders", "signalbox-orders", "0")
	inHand(t, s.Address, "busy", 100, 0)
	inHand(t, s.Address, "gone", 5, 2*claimAfter)
	c := config(s.Address)
	c.BatchSize = 2
	conn := open(t, c).(*conn)
	conn.Close() // it reads by itself
	conn.reading = t.Context()
	conn.claimed = time.Time{}
	reader, err := conn.dialer.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for claimed := 0; claimed < 5; {
		entries, err := conn.next(reader, ">")
		if err != nil || len(entries) == 0 {
			t.Fatalf("claimed %d entries, and then %v", claimed, err)
		}
		claimed += len(entries)
	}
	if left := pending(t, s.Address, claimAfter, "gone"); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestEntriesAreHeld(t *testing.T) {
	s := targetstest.StartRedis(t)
	publish(t, s.Address)(0, 9)
	c := config(s.Address)
	c.BatchSize = 3
	conn := open(t, c).(*conn)
	defer conn.Close()
	batch, err := conn.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sourcestest.Until(t, "a batch has been read ahead", func() bool { ahead := conn.ahead.Load(); return ahead != nil && (*ahead)[0].ID != batch[0].ID })
	all := pending(t, s.Address, 0, conn.Consumer)
	if len(all) != 6 {
		t.Fatalf("%d entries are in hand, want two batches", len(all))
	}
	for _, id := range all {
		do(t, s.Address, "XCLAIM", "orders", "signalbox-orders", conn.Consumer, 0, id, "IDLE", (2 * claimAfter).Milliseconds(), "JUSTID")
	}
	if err := conn.Hold(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if left := pending(t, s.Address, claimAfter, conn.Consumer); len(left) != 0 {
		t.Errorf("%v could be taken over", left)
	}
}
