package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store that counts what is written.
type memory struct {
	mu     sync.Mutex
	rows   map[uint64]string
	writes int
	fail   error
}

func (m *memory) Put(at uint64, entry []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.rows == nil {
		m.rows = map[uint64]string{}
	}
	m.rows[at] = string(entry)
	m.writes++
	return nil
}

func (m *memory) Latest(before uint64, fn func(uint64, []byte) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(m.rows))) {
		if at < before && !fn(at, []byte(m.rows[at])) {
			return nil
		}
	}
	return nil
}

func request(from, path string) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.URL.Path, r.RemoteAddr = path, from
	return r
}

func newLog(t *testing.T, store Store) (*Log, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	l, err := New(store, zap.New(core), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, logs
}

func all(t *testing.T, l *Log) []Entry {
	t.Helper()
	page, err := l.List(Filter{}, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func TestActionsAreStoredBeforeTheyEnd(t *testing.T) {
	l, logs := newLog(t, new(memory))
	r := request("192.0.2.1:1", "/")
	keys, err := auth.NewKeys([]auth.Key{{Name: "anna", Token: "0123456789abcdef"}})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer 0123456789abcdef")
	key, err := keys.Authenticate(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	did := l.Begin(r.WithContext(auth.WithCaller(r.Context(), key)), "deadletters.purge", strings.Repeat("é", 1000))
	if e := all(t, l)[0]; e.Outcome != Begun || e.Key != "anna" || e.From != "192.0.2.1:1" || len(e.Object) > maxText+3 {
		t.Errorf("at its begin: %+v", e)
	}
	did.Count(7)
	did.Detail(map[string]string{"target": "shop"})
	did.End("")
	did.End("late")
	if e := all(t, l); len(e) != 1 || e[0].Outcome != Done || *e[0].Count != 7 || e[0].Error != "" || fmt.Sprint(e[0].Detail) != "map[target:shop]" {
		t.Errorf("at its end: %+v", e)
	}
	lines := logs.FilterMessage("operator").All()
	if len(lines) != 1 || lines[0].ContextMap()["key"] != "anna" || lines[0].ContextMap()["count"] != int64(7) {
		t.Errorf("logged: %+v", lines)
	}
	var none *Action
	none.Count(1) // what is not audited
}

func TestAnAuditThatCannotBeStoredIsLogged(t *testing.T) {
	l, logs := newLog(t, &memory{fail: errors.New("no room")})
	l.Begin(request("192.0.2.1:1", "/"), "reload", "").End("")
	if logs.FilterMessage("the audit can't be stored").Len() != 2 || logs.FilterMessage("operator").Len() != 1 {
		t.Errorf("logged: %+v", logs.All())
	}
}

// TestEntriesKeepTheirOrder starts again with a clock that was set back.
func TestEntriesKeepTheirOrder(t *testing.T) {
	store := &memory{}
	ahead := uint64(time.Now().Add(time.Hour).UnixNano())
	if err := store.Put(ahead, []byte(`{"id":"x","action":"old"}`)); err != nil {
		t.Fatal(err)
	}
	l, _ := newLog(t, store)
	for range 100 {
		l.Begin(request("192.0.2.1:1", "/"), "new", "").End("")
	}
	if e := all(t, l); len(e) != 101 || e[100].Action != "old" {
		t.Errorf("%d entries, the first is %+v", len(e), e[len(e)-1])
	}
}

// TestRefusalsDoNotFillTheStore refuses a hundred thousand requests of a thousand callers.
func TestRefusalsDoNotFillTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		l, logs := newLog(t, store)
		l.Start()
		const minutes, each = 120, 300
		for range minutes {
			for i := range each {
				l.Refused(request(fmt.Sprintf("192.0.%d.%d:%d", i%4, i%250, 1000+i), "/v1/"+strings.Repeat("x", 1000)), "key")
			}
			time.Sleep(every)
			synctest.Wait()
		}
		if err := l.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		entries := all(t, l)
		total, bytes := 0, 0
		for _, e := range entries {
			total += *e.Count
			if e.Outcome != Refused || e.Action != RequestRefused || e.Until.Before(e.Time) {
				t.Errorf("%+v", e)
			}
			text, _ := json.Marshal(e)
			bytes += len(text)
		}
		if most := burst + minutes + 3; len(entries) > most || store.writes > 100*minutes || total != minutes*each || bytes > most*1024 {
			t.Errorf("%d entries of %d bytes in %d writes, which count %d", len(entries), bytes, store.writes, total)
		}
		if n := logs.FilterMessage("a request was refused").Len(); n > minutes*70 {
			t.Errorf("logged %d times", n)
		}
	})
}

// TestTheFirstRefusalIsStoredAtOnce and the last at the stop.
func TestTheFirstRefusalIsStoredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLog(t, new(memory))
		l.Start()
		l.Refused(request("[2001:db8::1]:99", "/v1/rules"), "key")
		synctest.Wait()
		if e := all(t, l); len(e) != 1 || e[0].From != "2001:db8::1" || e[0].Reason != "key" || e[0].Object != "POST /v1/rules" || *e[0].Count != 1 {
			t.Errorf("at once: %+v", e)
		}
		l.Refused(request("[2001:db8::1]:100", "/v1/targets"), "key")
		l.Refused(request("[2001:db8::1]:100", "/v1/targets"), "host")
		if err := l.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if e := all(t, l); len(e) != 2 || *e[0].Count != 1 || *e[1].Count != 2 {
			t.Errorf("at the stop: %+v", e)
		}
	})
}
