package main

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
	"signalbox/config"
)

// keyVariable is the environment variable that holds the key for the router.
const keyVariable = "SIGNALBOX_API_KEY"

// connection is the flags of commands that talk to a running router.
type connection struct {
	url, key string
	tls      clientTLS
}

func (x *connection) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&x.url, "url", "", "the router's address (default: the listen address of the configuration)")
	cmd.PersistentFlags().StringVar(&x.key, "api-key", "", "the key for the router (default: $"+keyVariable+")")
	x.tls.flags(cmd)
}

// client returns a client of the router that the flags, or else the configuration,
// name.
func (c *cli) client(x connection) (*client.Client, error) {
	opts := client.Options{URL: strings.TrimRight(x.url, "/"), APIKey: cmp.Or(x.key, os.Getenv(keyVariable))}
	var local *config.Config
	if opts.URL == "" {
		var err error
		if local, err = c.configOrDefault(); err != nil {
			return nil, fmt.Errorf("the router's address is taken from the configuration, which has faults (or give --url):\n%w", err)
		}
		opts.URL = reachable(local.TLS.Scheme(), local.Listen)
	}
	u, err := url.Parse(opts.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrongUsage("--url %q: write an address such as http://127.0.0.1:8080", opts.URL)
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

// reachable is the URL at which this machine reaches a listen address.
func reachable(scheme, listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return scheme + "://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
