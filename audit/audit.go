// Package audit remembers who operated the router, what they did, and who was refused.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/auth"
)

// Store keeps entries by their times, in nanoseconds since 1970.
type Store interface {
	// Put stores an entry in place of the one of its time, durably.
	Put(at uint64, entry []byte) error
	// Latest calls fn with the entries before a time, the latest first, until it says stop.
	Latest(before uint64, fn func(at uint64, entry []byte) bool) error
}

// Outcome is how an action ended.
type Outcome string

// The outcomes. Begun is that of an action under way, or of one that the end of the process
// broke off.
const (
	Begun   Outcome = "begun"
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	Refused Outcome = "refused"
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{Begun, Done, Failed, Refused}

// RequestRefused is the action of an entry about requests without the key, the right or the
// name that they need.
const RequestRefused = "request.refused"

// Entry is one thing that somebody did, or several refusals of one caller.
type Entry struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Action is the route without its names, such as targets.pause; Object those names, such
	// as warehouse. Of a refusal Object is what was asked for first.
	Action string `json:"action"`
	Object string `json:"object,omitempty"`
	// Key is the name of the caller's key, Certificate that in the client's certificate, and
	// From its address.
	Key         string  `json:"key,omitempty"`
	Certificate string  `json:"certificate,omitempty"`
	From        string  `json:"from"`
	Outcome     Outcome `json:"outcome"`
	// Count is how many it was: dead letters purged, refusals.
	Count  *int `json:"count,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
	// Detail is what was asked for, such as the filter of a purge.
	Detail any `json:"detail,omitempty"`
	// Reason is why a request was refused: key, right, host or hook. Until is when the last was.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Error  string    `json:"error,omitempty"`

	at uint64
}

// Who returns who it was, for people.
func (e *Entry) Who() string {
	if e.Certificate != "" && e.Key == "" {
		return "certificate " + e.Certificate
	}
	return cmp.Or(e.Key, "-")
}

// Log is the audit. Stop must be called after Start.
type Log struct {
	store    Store
	log      *zap.Logger
	refusals *refusals

	mu   sync.Mutex
	last uint64 // the latest entry's time
}

// New returns the audit in a store. The registerer may be nil.
func New(store Store, log *zap.Logger, registerer prometheus.Registerer) (*Log, error) {
	l := &Log{store: store, log: log}
	l.refusals = newRefusals(l, registerer)
	err := store.Latest(^uint64(0), func(at uint64, _ []byte) bool { l.last = at; return false })
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return l, nil
}

// Start begins to store refusals.
func (l *Log) Start() { l.refusals.start() }

// Stop stores the refusals that are not yet on disk.
func (l *Log) Stop(context.Context) error { l.refusals.stop(); return nil }

// Refused notes that a request was refused for a reason: key, right, host or hook. It never waits.
func (l *Log) Refused(r *http.Request, reason string) { l.refusals.note(r, reason) }

// entry returns an entry with a time of its own. A clock that was set back gives none twice.
func (l *Log) entry(action, object, from string) Entry {
	now := time.Now()
	l.mu.Lock()
	l.last = max(l.last+1, uint64(now.UnixNano()))
	at := l.last
	l.mu.Unlock()
	return Entry{ID: fmt.Sprintf("%016x", at), Time: now.UTC(), Action: action, Object: bounded(object), From: from, at: at}
}

// maxText bounds what callers name, in bytes.
const maxText = 256

func bounded(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// put stores an entry. The log has it in any case, so that a disk that is full stops nobody
// from operating.
func (l *Log) put(e *Entry) {
	text, err := json.Marshal(e)
	if err == nil {
		err = l.store.Put(e.at, text)
	}
	if err != nil {
		l.log.Error("the audit can't be stored", zap.String("action", e.Action), zap.Error(err))
	}
}

// Action is one thing that somebody is doing.
type Action struct {
	log *Log

	mu    sync.Mutex
	entry Entry
}

// Begin stores that a request is about to act.
func (l *Log) Begin(r *http.Request, action, object string) *Action {
	a := &Action{log: l, entry: l.entry(action, object, r.RemoteAddr)}
	a.entry.Key, _ = auth.Caller(r.Context())
	a.entry.Certificate = Certificate(r)
	return a.begin()
}

// Signal returns the action of who sent the process a signal, or of what else made it act.
func (l *Log) Signal(name, action string) *Action {
	return (&Action{log: l, entry: l.entry(action, "", name)}).begin()
}

func (a *Action) begin() *Action {
	a.entry.Outcome = Begun
	a.log.put(&a.entry)
	return a
}

type certificateKey struct{}

// WithCertificate returns the context of a request whose client has shown a certificate with this name, or none, to
// whoever has handed the request on.
func WithCertificate(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, certificateKey{}, name)
}

// Certificate returns the name in the certificate that a client has shown.
func Certificate(r *http.Request) string {
	if name, ok := r.Context().Value(certificateKey{}).(string); ok {
		return bounded(name)
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	leaf := r.TLS.VerifiedChains[0][0]
	if leaf.Subject.CommonName == "" && len(leaf.DNSNames) > 0 {
		return bounded(leaf.DNSNames[0])
	}
	return bounded(cmp.Or(leaf.Subject.CommonName, leaf.Subject.String(), leaf.SerialNumber.String()))
}

// End stores and logs how it ended: an error's text, or none. Only the first call counts.
func (a *Action) End(problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &a.entry
	if e.Outcome != Begun {
		return
	}
	e.Outcome = Done
	if e.Error = cmp.Or(problem, e.Error); e.Error != "" {
		e.Outcome, e.Error = Failed, bounded(e.Error)
	}
	a.log.put(e)
	fields := []zap.Field{zap.String("action", e.Action), zap.String("object", e.Object), zap.String("key", e.Key), zap.String("from", e.From), zap.String("outcome", string(e.Outcome))}
	if e.Certificate != "" {
		fields = append(fields, zap.String("certificate", e.Certificate))
	}
	if e.Count != nil {
		fields = append(fields, zap.Int("count", *e.Count))
	}
	if e.DryRun {
		fields = append(fields, zap.Bool("dry_run", true))
	}
	if e.Error != "" {
		fields = append(fields, zap.String("error", e.Error))
	}
	a.log.log.Info("operator", fields...)
}

// Count notes how many it was. As all notes on an action it does nothing to nil.
func (a *Action) Count(n int) { a.note(func(e *Entry) { e.Count = &n }) }

// DryRun notes that nothing changes.
func (a *Action) DryRun() { a.note(func(e *Entry) { e.DryRun = true }) }

// Detail notes what was asked for. It is stored as JSON.
func (a *Action) Detail(detail any) { a.note(func(e *Entry) { e.Detail = detail }) }

// Fail notes why it failed.
func (a *Action) Fail(problem string) { a.note(func(e *Entry) { e.Error = problem }) }

func (a *Action) note(change func(*Entry)) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.entry)
}

type actionKey struct{}

// With returns the context of a request that does an action.
func With(ctx context.Context, a *Action) context.Context {
	return context.WithValue(ctx, actionKey{}, a)
}

// Of returns the action that a request does; nil for one that is not audited.
func Of(ctx context.Context) *Action {
	a, _ := ctx.Value(actionKey{}).(*Action)
	return a
}

// Filter chooses entries; empty fields choose all.
type Filter struct {
	Action, Object, Key string
	Outcome             Outcome
	Since, Until        time.Time
}

func (f *Filter) lets(e *Entry) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Action, e.Action) && is(f.Object, e.Object) && is(f.Key, e.Key) && is(string(f.Outcome), string(e.Outcome)) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Page is a part of the audit, the latest first.
type Page struct {
	Entries []Entry `json:"entries"`
	// Next is where the listing continues; empty at its end.
	Next string `json:"next_cursor,omitempty"`
}

// ErrCursor means that a cursor is none: its entry is not there.
var ErrCursor = errors.New("use the next_cursor of an earlier page")

// List returns up to limit entries before the cursor of an earlier page, the latest first.
func (l *Log) List(f Filter, cursor string, limit int) (page Page, err error) {
	before := ^uint64(0)
	if cursor != "" {
		if before, err = strconv.ParseUint(cursor, 16, 64); err != nil || fmt.Sprintf("%016x", before) != cursor {
			return page, ErrCursor
		}
		there := false
		if err := l.store.Latest(before+1, func(at uint64, _ []byte) bool { there = at == before; return false }); err != nil || !there {
			return page, cmp.Or(err, ErrCursor)
		}
	}
	page.Entries = []Entry{}
	var fault error
	err = l.store.Latest(before, func(at uint64, text []byte) bool {
		var e Entry
		if fault = json.Unmarshal(text, &e); fault != nil || !f.Since.IsZero() && e.Time.Before(f.Since) {
			return false
		}
		if !f.lets(&e) {
			return true
		}
		if len(page.Entries) == limit {
			page.Next = page.Entries[limit-1].ID
			return false
		}
		page.Entries = append(page.Entries, e)
		return true
	})
	return page, errors.Join(err, fault)
}
