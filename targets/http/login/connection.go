package login

import (
	"slices"
	"strconv"
	"strings"

	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/egress"
)

// Connection is a login that targets share by its name.
type Connection struct {
	Name string `yaml:"-"`
	// Description is what the connection is for.
	Description string `yaml:"description" example:"The CRM"`
	// Auth is the login.
	Auth *Options `yaml:"auth" required:"true" example:"{bearer: example-of-a-token}"`
	// Headers, Query and Body are added to each request, in place of what the target or the rule has by
	// the same name: headers, members of the query, and members of a body that is a JSON object. They
	// may hold references to secrets, and are not shown.
	Headers map[string]string `yaml:"headers" example:"{X-Tenant: shop}"`
	Query   map[string]string `yaml:"query" example:"{tenant: shop}"`
	Body    map[string]string `yaml:"body" example:"{tenant: shop}"`
	// Hosts are those that targets with it may send to, such as crm.example.com, or
	// *.example.com for all below; any if there are none.
	Hosts []string `yaml:"hosts" example:"[crm.example.com]"`
	// Dir is where relative paths in Auth start.
	Dir string `yaml:"-"`
	// Resolved tells a change of what the references in Auth stand for.
	Resolved secret.Hash `yaml:"-"`
	// plain is set by Validate.
	plain bool
}

// Plain reports whether its tokens are asked for without TLS, so that a proxy sees id and
// secret. It is known once Validate has been called.
func (c *Connection) Plain() bool { return c.plain }

// User is implemented by the options of targets that may log in with a connection.
type User interface {
	// LoginOptions returns how the target logs in; nil if it does not.
	LoginOptions() *Options
}

// Use makes o, which names a connection, log in with it.
func (o *Options) Use(c *Connection) { o.shared = c }

// Shared returns the connection that Use has set; nil for none.
func (o *Options) Shared() *Connection { return o.shared }

// Validate reports what is wrong with a connection.
func (c *Connection) Validate(v *targets.Validation) {
	switch {
	case c.Auth == nil:
		v.Fail([]string{"auth"}, "is missing: say how to log in, such as auth: {bearer: \"${TOKEN}\"}")
	case c.Auth.Connection != "":
		v.Fail([]string{"auth", "connection"}, "a connection can't refer to another: say here how to log in")
	default:
		c.Auth.Validate(v, "auth")
		c.plain = c.Auth.OAuth2 != nil && c.Auth.OAuth2.plain(v)
	}
	check := &check{v, nil}
	for name, text := range c.Headers {
		e, _ := v.Expand([]string{"headers", name}, text)
		check.header("headers", name)
		check.headerValue("headers", e.Value)
	}
	for key, texts := range map[string]map[string]string{"query": c.Query, "body": c.Body} {
		for name, text := range texts {
			v.Expand([]string{key, name}, text)
		}
	}
	for i, host := range c.Hosts {
		if _, err := egress.HostName(strings.TrimPrefix(host, "*.")); err != nil {
			v.Fail([]string{"hosts", strconv.Itoa(i)}, "%v; *.example.com stands for all below example.com, and no hosts for any", err)
		}
	}
}

// Allows reports whether targets with the connection may send to a host.
func (c *Connection) Allows(host string) bool {
	host, err := egress.HostName(host)
	if err != nil || len(c.Hosts) == 0 {
		return len(c.Hosts) == 0
	}
	return slices.ContainsFunc(c.Hosts, func(allowed string) bool {
		above, all := strings.CutPrefix(allowed, "*.")
		above, err := egress.HostName(above)
		return err == nil && (!all && host == above || all && strings.HasSuffix(host, "."+above))
	})
}
