// Package console serves the web pages at /ui/: what the router is doing, and what operates
// it. It asks the management API in this process, with the viewer's key, so a page shows and
// allows what the API does, in the same words, and the audit knows who it was.
package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"signalbox/api/client"
)

// Options are what the pages stand on. API and NeedsKey are required.
type Options struct {
	// API serves the management API and takes events. It asks for keys where there are some.
	API http.Handler
	// NeedsKey reports whether the API asks for a key. The pages then begin with a login.
	NeedsKey func() bool
	Version  string
	Logger   *zap.Logger
	// Stopping ends when the router begins to stop: live pages are then broken off.
	Stopping context.Context
}

// Console serves the pages. It is safe for concurrent use.
type Console struct {
	opts     Options
	pages    map[string]*page
	sessions *sessions
	streams  chan struct{}
	drawings drawings
	mux      http.ServeMux
}

// Path is where the pages are.
const Path = "/ui/"

// Serves reports whether a request is for a page.
func Serves(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, Path) || r.URL.Path+"/" == Path
}

// New returns the handler of what Serves reports.
func New(opts Options) *Console {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	if opts.Stopping == nil {
		opts.Stopping = context.Background()
	}
	c := &Console{opts: opts, pages: map[string]*page{}, sessions: newSessions(), streams: make(chan struct{}, maxStreams)}
	for _, p := range pages() {
		p.template = parsePage(p.name)
		c.mux.Handle("GET "+Path+p.path, c.show(p))
	}
	for path, act := range actions() {
		c.mux.Handle("POST "+Path+path, c.act(act))
	}
	c.mux.HandleFunc("GET "+Path+"assets/{version}/{name}", serveAsset)
	c.mux.Handle("GET "+Path+"login", c.show(loginPage))
	c.mux.HandleFunc("POST "+Path+"login", c.login)
	c.mux.HandleFunc("POST "+Path+"logout", c.logout)
	c.mux.HandleFunc("GET "+Path+"flow.svg", c.picture)
	c.mux.HandleFunc("POST "+Path+"playground", c.judge)
	c.mux.HandleFunc(Path, func(w http.ResponseWriter, r *http.Request) {
		c.visit(w, r).fail(&notFound{r.URL.Path})
	})
	return c
}

// policy is what a browser may load into a page: nothing but the console's own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers with a page, or takes an action.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	c.mux.ServeHTTP(w, r)
}

// visit is one request of a viewer.
type visit struct {
	*Console
	w http.ResponseWriter
	r *http.Request
	// id is the viewer's, in a cookie; key is theirs if they have logged in.
	id, key string
	api     *client.Client
	now     time.Time
}

func (c *Console) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{Console: c, w: w, r: r, now: time.Now().UTC()}
	v.id = c.sessions.visitor(w, r)
	v.key = c.sessions.key(v.id, v.now)
	v.api = v.client(v.key)
	return v
}

// client returns a client of the API in this process, with a key.
func (v *visit) client(key string) *client.Client {
	return client.New(client.Options{URL: "http://" + v.r.Host, APIKey: key, HTTP: &http.Client{Transport: inProcess{v.opts.API, v.r}}})
}

// locked reports whether the viewer must log in first.
func (v *visit) locked() bool { return v.key == "" && v.opts.NeedsKey() }

func (v *visit) ctx() context.Context { return v.r.Context() }

// q returns a parameter of the request.
func (v *visit) q(name string) string { return v.r.FormValue(name) }

// redirect leads the browser to another page of the console.
func (v *visit) redirect(to string) { http.Redirect(v.w, v.r, Path+to, http.StatusSeeOther) }

// show returns the handler of a page.
func (c *Console) show(p *page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(w, r)
		switch {
		case p != loginPage && v.locked():
			v.askForKey()
		case r.Header.Get("Accept") == "text/event-stream":
			v.stream(p)
		default:
			v.page(p)
		}
	})
}

// action does something, and returns where the browser goes next and what it is told there.
type action func(v *visit) (next, told string, err error)

// maxForm bounds what a form brings, in bytes.
const maxForm = 8 << 20

// sent returns the visit of a form, which must be the console's own and have a key where one is needed;
// nil where it has been answered.
func (c *Console) sent(w http.ResponseWriter, r *http.Request) *visit {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v := c.visit(w, r)
	if err := v.ours(); err != nil {
		v.fail(err)
		return nil
	}
	if v.locked() {
		v.askForKey()
		return nil
	}
	return v
}

// act returns the handler of an action, which only a form of the console's own may ask for.
func (c *Console) act(do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := c.sent(w, r)
		if v == nil {
			return
		}
		next, told, err := do(v)
		if err != nil {
			v.fail(err)
			return
		}
		v.tell(told)
		v.redirect(next)
	})
}
