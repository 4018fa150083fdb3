// Package client speaks to a running router, as the commands do. Its types are named after
// what they are about: c.Targets.Pause, c.DeadLetters.List, c.Events.Send.
package client

import "net/http"

// Options say where the router is.
type Options struct {
	// URL is the router's address, such as http://127.0.0.1:8080.
	URL string
	// APIKey is sent as a bearer token; empty sends none.
	APIKey string
	// HTTP makes the requests; nil is http.DefaultClient.
	HTTP *http.Client
}

// Client is all that can be asked of a router.
type Client struct {
	// URL is the router's address.
	URL string

	Events       Events
	Commands     Commands
	WorkRequests WorkRequests
	DeadLetters  DeadLetters
	Redrives     Redrives
	Replays      Replays
	Targets      Targets
	Rules        Rules
	Sources      Sources
	Archives     Archives
	States       States
	Catalog      Catalog
	Audit        Audit
	Cluster      Cluster
	Store        Store
	Health       Health
}

// New returns a client. It makes no request.
func New(opts Options) *Client {
	c := &conn{Options: opts}
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	return &Client{
		URL: opts.URL, Events: Events{c}, Commands: Commands{c}, WorkRequests: WorkRequests{c}, DeadLetters: DeadLetters{c},
		Redrives: Redrives{c}, Replays: Replays{c}, Targets: Targets{c}, Rules: Rules{c}, Sources: Sources{c}, Archives: Archives{c}, States: States{c}, Catalog: Catalog{c}, Audit: Audit{c}, Cluster: Cluster{c}, Store: Store{c},
		Health: Health{c},
	}
}
