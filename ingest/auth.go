package ingest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"signalbox/auth"
	"signalbox/event"
	"signalbox/machine"
)

// Guard lets requests through that carry a key, where there are keys, and else those that
// name the router by a name of its own.
type Guard struct {
	access  atomic.Pointer[access]
	maxBody int64
	refused func(*http.Request, string)
}

type access struct {
	keys  *auth.Keys
	hosts *auth.Hosts
}

// refusalWait is how long a refusal is held back, so that guessing is slow.
const refusalWait = 200 * time.Millisecond

// NewGuard returns a Guard. maxBody bounds signed bodies in bytes; 0 stands for
// DefaultMaxBody. refused is told of each refusal and its reason, key or host.
func NewGuard(keys *auth.Keys, hosts *auth.Hosts, maxBody int64, refused func(r *http.Request, reason string)) *Guard {
	if maxBody <= 0 {
		maxBody = DefaultMaxBody
	}
	g := &Guard{maxBody: maxBody, refused: refused}
	g.Set(keys, hosts)
	return g
}

// Set puts other keys and names in place of those that are in use.
func (g *Guard) Set(keys *auth.Keys, hosts *auth.Hosts) { g.access.Store(&access{keys, hosts}) }

// Guard returns a handler that asks for a key before next is called.
func (g *Guard) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := g.access.Load()
		if now.keys.Empty() {
			if !now.hosts.Allow(r.Host) {
				g.refuse(w, r, "host", &problem{status: http.StatusMisdirectedRequest, Code: "UnknownHost",
					Message: unknownHost(r.Host)})
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		key, err := now.keys.Authenticate(r, g.maxBody)
		if errors.Is(err, machine.ErrMemory) {
			refuseOverload(w, r, machine.ErrMemory.Error())
			return
		}
		if err != nil {
			slow(r.Context())
			w.Header().Set("WWW-Authenticate", `Bearer realm="signalbox"`)
			g.refuse(w, r, "key", &problem{status: http.StatusUnauthorized, Code: refusalCode(err), Message: err.Error()})
			return
		}
		ctx := auth.WithCaller(r.Context(), key)
		if key.Name != "" {
			ctx = event.WithSender(ctx, key.Name)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// refusalCode names an error as AWS does.
func refusalCode(err error) string {
	if errors.Is(err, auth.ErrNoKey) || errors.Is(err, auth.ErrUnknownKey) {
		return "UnrecognizedClientException"
	}
	return "InvalidSignatureException"
}

// NeedsKey reports whether requests must carry a key.
func (g *Guard) NeedsKey() bool { return !g.access.Load().keys.Empty() }

// AllowsHost reports whether a Host header names the router.
func (g *Guard) AllowsHost(host string) bool { return g.access.Load().hosts.Allow(host) }

// slow waits before a refusal is answered.
func slow(ctx context.Context) {
	usageOf(ctx).leave() // those that guess keep nobody out
	select {
	case <-time.After(refusalWait):
	case <-ctx.Done():
	}
}

// refuse answers and tells of it, but never what the caller sent as a key.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, reason string, p *problem) {
	g.refused(r, reason)
	if r.Header.Get("X-Amz-Target") != "" {
		writeAWSProblem(w, p)
		return
	}
	writeProblem(w, p)
}

// forbidden returns why a caller may not send these events, or nil. Whether there is such a
// bus, and what its rules say, makes no difference to the answer.
func (h *Handler) forbidden(r *http.Request, events []*event.Event, dryRun bool) *problem {
	name, rights := auth.Caller(r.Context())
	if rights == nil {
		return nil
	}
	if dryRun {
		return h.mayTry(r, "a dry run")
	}
	for _, e := range events {
		if e == nil {
			continue
		}
		bus := e.Meta.Bus
		if local, _, _, ok := event.BusOfARN(bus); ok {
			bus = local
		}
		if bus == "" {
			bus = "default"
		}
		if !rights.MaySend(bus) {
			return h.refuse(r, "the key "+strconv.Quote(name)+" may not send to bus "+strconv.Quote(bus)+": add it to the key's rights, under send")
		}
	}
	return nil
}

// mayTry returns why a caller may not try events out, or nil. That sends nothing, and shows
// what rules and patterns make of an event: it is reading.
func (h *Handler) mayTry(r *http.Request, what string) *problem {
	return h.lacks(r, auth.Read, what)
}

// lacks returns why a caller may not do what needs a right, or nil.
func (h *Handler) lacks(r *http.Request, right auth.Right, what string) *problem {
	name, rights := auth.Caller(r.Context())
	if rights == nil || rights.May(right) {
		return nil
	}
	held := "no right to " + string(right)
	if right == auth.Admin {
		held = "not the right " + string(right)
	}
	return h.refuse(r, "the key "+strconv.Quote(name)+" has "+held+", which "+what+" needs: add it to the key's rights")
}

// codeAccessDenied is that of a right which a key lacks.
const codeAccessDenied = "AccessDeniedException"

// refuse returns the answer about a right that a key lacks.
func (h *Handler) refuse(r *http.Request, message string) *problem {
	if h.opts.Refused != nil {
		h.opts.Refused(r, "right")
	}
	return &problem{status: http.StatusForbidden, Code: codeAccessDenied, Message: message}
}

// SameOrigin refuses what the page of another site makes a browser send: without
// keys, or with keys that the browser knows, it would be an order of whoever looks
// at that page. What is no browser sends neither Sec-Fetch-Site nor Origin, and is
// let through.
func SameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &problem{status: http.StatusForbidden, Code: "CrossOrigin",
			Message: "a page of another site may not send this: let your server send it, or serve the page where the router is"})
	}))
	return protection.Handler(next)
}
