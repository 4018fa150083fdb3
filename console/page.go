package console

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/auth"
	"signalbox/journal"
)

// page is what is shown at a path. Its template defines "title" and "main"; where it defines
// "live", that part of it is kept up to date while it is open.
type page struct {
	path, name string
	// nav is the entry of the navigation that the page belongs to.
	nav  string
	load func(*visit) (any, error)
	// fixed reports whether what is shown does not change any more; nil for never.
	fixed    func(*visit) bool
	template *template.Template
}

// layout is what all pages have in common.
var layout = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html"))

func parsePage(name string) *template.Template {
	return template.Must(template.Must(layout.Clone()).ParseFS(files, "templates/"+name+".html"))
}

// view is what a template is given.
type view struct {
	Nav     string
	Counts  journal.Counts
	Version string
	Token   string
	// MayOperate and MaySend are what the viewer's key allows.
	MayOperate, MaySend bool
	// SignedIn means that there is a session to end.
	SignedIn bool
	// Told is what came of the last action.
	Told string
	// Live means that the page is kept up to date.
	Live bool
	Now  time.Time
	Data any
}

// page shows a page.
func (v *visit) page(p *page) {
	data, err := p.load(v)
	if err != nil {
		v.fail(err)
		return
	}
	v.write(http.StatusOK, p, data)
}

// view returns what a page's template is given. A key that may not read counters shows none.
func (v *visit) view(p *page, data any) view {
	x := view{Nav: p.nav, Version: v.opts.Version, Token: v.sessions.token(v.id), SignedIn: v.key != "", Now: v.now, Data: data}
	x.Live = p.template.Lookup("live") != nil && (p.fixed == nil || !p.fixed(v))
	if !v.locked() {
		accounts, _ := v.api.Store.Accounts(v.ctx())
		x.Counts = accounts.Deliveries
		caller, _ := v.api.Store.Caller(v.ctx())
		x.MayOperate, x.MaySend = caller.May(auth.Operate), caller.May(auth.Send)
	}
	return x
}

func (v *visit) write(status int, p *page, data any) {
	x := v.view(p, data)
	x.Told = v.told()
	var body bytes.Buffer
	if err := p.template.Execute(&body, x); err != nil {
		v.opts.Logger.Error("page of the console failed", zap.String("page", p.name), zap.Error(err))
		http.Error(v.w, "the page can't be shown; the router's log says why", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = body.WriteTo(v.w) // a viewer who has gone misses nothing
}

var problemPage = &page{name: "problem", nav: "-"}

func init() { problemPage.template = parsePage("problem") }

// notFound is the error of a path without a page.
type notFound struct{ path string }

func (n *notFound) Error() string { return fmt.Sprintf("no page is at %s", n.path) }

// fail shows an error in the API's words.
func (v *visit) fail(err error) {
	var problem *api.Error
	var missing *notFound
	switch {
	case errors.As(err, &missing):
		problem = &api.Error{Status: http.StatusNotFound, Message: err.Error()}
	case !errors.As(err, &problem):
		problem = &api.Error{Status: http.StatusInternalServerError, Message: err.Error()}
	case problem.Status == http.StatusUnauthorized: // the key is not known any more
		v.sessions.end(v.id)
		v.askForKey()
		return
	}
	status := problem.Status
	if status < 400 {
		status = http.StatusBadGateway
	}
	v.write(status, problemPage, problem)
}

// tell keeps a sentence for the next page.
func (v *visit) tell(told string) {
	if told != "" {
		setCookie(v.w, v.r, saidCookie, base64.RawURLEncoding.EncodeToString([]byte(told)), 60)
	}
}

// told returns what tell has kept, once.
func (v *visit) told() string {
	cookie, err := v.r.Cookie(saidCookie)
	if err != nil {
		return ""
	}
	setCookie(v.w, v.r, saidCookie, "", -1)
	text, _ := base64.RawURLEncoding.DecodeString(cookie.Value)
	return string(text)
}

// link returns the address of a page with parameters, given as names and values in turn;
// those that are empty are left out.
func link(to string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return strings.TrimSuffix(Path+to+"?"+q.Encode(), "?")
}
