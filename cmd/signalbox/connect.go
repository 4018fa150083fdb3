package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
)

// keyVariable is the environment variable that holds the key for the router.
const keyVariable = "SIGNALBOX_API_KEY"

// connection is the flags of commands that talk to a running router.
type connection struct {
	url, key string
}

func (x *connection) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&x.url, "url", "", "the router's address (default: the listen address of the configuration)")
	cmd.PersistentFlags().StringVar(&x.key, "api-key", "", "the key for the router (default: $"+keyVariable+")")
}

// client makes a client of the router that the flags, or else the configuration,
// name.
func (c *cli) client(x connection) (*api.Client, error) {
	client := &api.Client{URL: strings.TrimRight(x.url, "/"), APIKey: x.key, HTTP: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext},
	}}
	if client.APIKey == "" {
		client.APIKey = os.Getenv(keyVariable)
	}
	if client.URL == "" {
		address, err := c.listenAddress()
		if err != nil {
			return nil, err
		}
		client.URL = address
	}
	u, err := url.Parse(client.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrongUsage("--url %q: write an address such as http://127.0.0.1:8080", client.URL)
	}
	return client, nil
}

// listenAddress is where the configuration says that the router listens.
func (c *cli) listenAddress() (string, error) {
	cfg, err := c.configOrDefault()
	if err != nil {
		return "", fmt.Errorf("the router's address is taken from the configuration, which has faults (or give --url):\n%w", err)
	}
	return reachable(cfg.Listen), nil
}

// reachable is the URL at which this machine reaches a listen address.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
