// Package connect is what commands that ask a running router share: the flags, the client that
// is made of them, and how the answer is printed.
package connect

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
)

// Connection is the flags of commands that talk to a running router.
type Connection struct {
	url, key string
	tls      clientTLS
}

// Flags adds the flags to a command.
func (x *Connection) Flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&x.url, "url", "", "the router's address (default: $"+cli.URLVariable+", or the listen address of the configuration)")
	cmd.PersistentFlags().StringVar(&x.key, "api-key", "", "the key for the router (default: $"+cli.KeyVariable+")")
	x.tls.flags(cmd)
}

// Given reports whether a router is named, and not only the one of the configuration.
func (x *Connection) Given() bool { return cmp.Or(x.url, os.Getenv(cli.URLVariable)) != "" }

// Client returns a client of the router that the flags, or else the configuration,
// name.
func (x *Connection) Client(c *cli.Env) (*client.Client, error) {
	opts := client.Options{URL: strings.TrimRight(cmp.Or(x.url, os.Getenv(cli.URLVariable)), "/"), APIKey: cmp.Or(x.key, os.Getenv(cli.KeyVariable))}
	var local *config.Config
	if opts.URL == "" {
		var err error
		if local, err = c.ConfigOrDefault(); err != nil {
			return nil, fmt.Errorf("the router's address is taken from the configuration, which has faults (or give --url or %s):\n%w", cli.URLVariable, err)
		}
		opts.URL = cli.Reachable(local.TLS.Scheme(), local.Listen)
	}
	u, err := url.Parse(opts.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, cli.WrongUsage("--url or %s %q: write an address such as http://127.0.0.1:8080", cli.URLVariable, opts.URL)
	}
	trust, err := x.tls.config(local)
	if err != nil {
		return nil, err
	}
	opts.HTTP = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: trust,
	}}
	return client.New(opts), nil
}
