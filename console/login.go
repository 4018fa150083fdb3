package console

import (
	"crypto/hmac"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"signalbox/api"
)

var loginPage = &page{path: "login", name: "login", nav: "-", load: func(v *visit) (any, error) {
	return struct{ Next, Problem string }{local(v.q("next")), ""}, nil
}}

func init() { loginPage.template = parsePage("login") }

// login takes a key, asks the API whether it knows it, and begins a session.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v := c.visit(w, r)
	if err := v.ours(); err != nil {
		v.fail(err)
		return
	}
	key, next := strings.TrimSpace(r.PostFormValue("key")), local(r.PostFormValue("next"))
	if _, err := v.client(key).Store.Accounts(v.ctx()); statusOf(err) == http.StatusUnauthorized {
		v.write(http.StatusUnauthorized, loginPage, struct{ Next, Problem string }{next, "This key is not known."})
		return
	}
	id := c.sessions.renew(w, r)
	c.sessions.begin(id, key, v.now)
	v.redirect(next)
}

// logout ends the session.
func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if err := v.ours(); err != nil {
		v.fail(err)
		return
	}
	c.sessions.end(v.id)
	c.sessions.renew(w, r)
	v.redirect("login")
}

// askForKey leads to the login, and from there back.
func (v *visit) askForKey() {
	next := ""
	if v.r.Method == http.MethodGet {
		next = "?next=" + url.QueryEscape(strings.TrimPrefix(v.r.URL.RequestURI(), Path))
	}
	v.redirect("login" + next)
}

// local returns a place below Path, and the first page for any other.
func local(place string) string {
	u, err := url.Parse(place)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "/") || strings.ContainsAny(place, "\\\r\n") || strings.Contains(u.Path, "..") {
		return ""
	}
	return place
}

// errForeign is the error of a form that is not the console's own, or that is too old.
var errForeign = &api.Error{Status: http.StatusForbidden, Code: "CrossOrigin", Message: "this form is not of a page that the router has shown you, or the page is too old", Hint: "load the page again, and repeat what you did"}

// ours returns an error unless a request comes of a form of this viewer.
func (v *visit) ours() error {
	if http.NewCrossOriginProtection().Check(v.r) != nil {
		return errForeign
	}
	if err := v.r.ParseForm(); err != nil {
		return &api.Error{Status: http.StatusBadRequest, Message: "form: " + err.Error()}
	}
	if !hmac.Equal([]byte(v.r.PostFormValue("token")), []byte(v.sessions.token(v.id))) {
		return errForeign
	}
	return nil
}

// statusOf returns the HTTP status of an answer that was an error; 0 for another error, or none.
func statusOf(err error) int {
	var problem *api.Error
	if errors.As(err, &problem) {
		return problem.Status
	}
	return 0
}
