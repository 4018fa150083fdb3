package remote

import (
	"net/url"

	"signalbox/secret"
	"signalbox/targets"
)

// Server is where a server is. URL may hold references to secrets.
type Server struct {
	// URL is where the server is. It may hold references to secrets.
	URL string `yaml:"url" required:"true"`
	// Secret tells whether what the references in URL stand for is secret. The login and the query
	// of URL always are.
	Secret *bool `yaml:"secret" default:"true" example:"false"`
	// TLS is whom to trust, and which certificate to show, where the scheme is a secure one.
	TLS TLS `yaml:"tls"`

	shown string
}

// Server returns where a target's server is.
func (o *Options) Server() *Server { return &Server{URL: o.URL, Secret: o.Secret, TLS: o.TLS} }

func (s *Server) options() *Options { return &Options{URL: s.URL, Secret: s.Secret, TLS: s.TLS} }

// Validate reports what is wrong with it, and returns the URL if it is right.
func (s *Server) Validate(v *targets.Validation, schemes ...string) *url.URL {
	o := s.options()
	u := o.url(v, schemes)
	o.TLS.Validate(v)
	s.shown = o.shown
	return u
}

// Show adds what may be shown.
func (s *Server) Show(shown map[string]any) {
	o := s.options()
	o.shown = s.shown
	shown["url"] = o.Shown()
}

// Address returns the URL, and as it may be shown, with the secrets to hide where a server
// repeats them.
func (s *Server) Address(secrets secret.Source, dir string, schemes ...string) (u *url.URL, shown string, hidden []string, err error) {
	return s.options().Address(secrets, dir, schemes...)
}

// CheckServer reports a query, which is not read, and options of TLS where the scheme is another
// than the secure one.
func CheckServer(v *targets.Validation, u *url.URL, options TLS, secureScheme string) {
	if u.RawQuery != "" {
		v.Fail([]string{"url"}, "has a query (?), which is not read: write these as options")
	}
	if u.Scheme != secureScheme && options != (TLS{}) {
		v.Fail([]string{"tls"}, "is only for %s://", secureScheme)
	}
}
