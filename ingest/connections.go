package ingest

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// connections bounds how many connections are open. Where there are as many as there may
// be, a new one takes the place of one that asks for nothing: the one that is idle for the
// longest, or has sent the head of its request for the longest without an end.
type connections struct {
	most    int
	evicted prometheus.Counter

	mu   sync.Mutex
	open map[net.Conn]*connection
	// idle and fresh are in the order in which they became so.
	idle, fresh list.List
}

// connection is one that is open. At is its place in one of the lists, nil while it has a
// request under way.
type connection struct {
	conn net.Conn
	in   *list.List
	at   *list.Element
}

func newConnections(most int, registerer prometheus.Registerer) *connections {
	c := &connections{most: most, open: map[net.Conn]*connection{}, evicted: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "signalbox_connections_closed_early_total",
		Help: "Connections that were closed to make room for others (limits.connections).",
	})}
	if registerer != nil {
		registerer.MustRegister(c.evicted, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "signalbox_connections", Help: "Connections of clients that are open.",
		}, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return float64(len(c.open))
		}))
	}
	return c
}

// limit returns a listener whose connections are bounded.
func (c *connections) limit(l net.Listener) net.Listener { return &boundedListener{l, c} }

type boundedListener struct {
	net.Listener
	connections *connections
}

// Accept returns the next connection that there is room for.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.connections.admit(conn) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// admit reports whether there is room for a connection, or makes it.
func (c *connections) admit(conn net.Conn) bool {
	c.mu.Lock()
	var out *connection
	if len(c.open) >= c.most {
		out = oldest(&c.idle, &c.fresh)
		c.evicted.Inc()
		if out == nil {
			c.mu.Unlock()
			return false
		}
		c.forget(out)
	}
	k := &connection{conn: conn}
	c.open[conn] = k
	c.enter(k, &c.fresh)
	c.mu.Unlock()
	if out != nil {
		_ = out.conn.Close()
	}
	return true
}

func oldest(lists ...*list.List) *connection {
	for _, l := range lists {
		if e := l.Front(); e != nil {
			return e.Value.(*connection)
		}
	}
	return nil
}

// enter puts a connection at the end of a list; nil is none.
func (c *connections) enter(k *connection, in *list.List) {
	if k.in != nil {
		k.in.Remove(k.at)
	}
	k.in, k.at = in, nil
	if in != nil {
		k.at = in.PushBack(k)
	}
}

func (c *connections) forget(k *connection) {
	c.enter(k, nil)
	delete(c.open, k.conn)
}

type connectionKey struct{}

// inContext is an http.Server's ConnContext: it lets requests know their connection.
func (c *connections) inContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if k := c.open[plain(conn)]; k != nil && k.in == nil {
			c.enter(k, &c.idle)
		}
	})
}

// retire lets the connection of an answered request give way to others, although the server
// keeps it for a while: the request's body has not come in full.
func retire(r *http.Request) {
	if give, ok := r.Context().Value(connectionKey{}).(func()); ok && r.ProtoMajor == 1 {
		give()
	}
}

// plain returns the connection below TLS.
func plain(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// changed is an http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.open[plain(conn)]
	if k == nil {
		return // it had to go
	}
	switch state {
	case http.StateActive:
		c.enter(k, nil)
	case http.StateIdle:
		c.enter(k, &c.idle)
	case http.StateHijacked, http.StateClosed:
		c.forget(k)
	}
}
