package ingest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// ServerOptions say where a Server listens and how long it waits. A zero limit
// stands for its default.
type ServerOptions struct {
	// Listen is a TCP address, such as 127.0.0.1:8080; port 0 takes a free one.
	Listen string
	// AllowUnauthenticated lets the server listen on addresses that are not loopback: the
	// handler asks for keys, or everybody may call.
	AllowUnauthenticated bool
	// ReadHeaderTimeout bounds the headers of a request, 5 s; ReadTimeout all of
	// it, 30 s; WriteTimeout the answer too, 60 s; IdleTimeout the wait for the
	// next request of a connection, 2 min.
	ReadHeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// MaxHeaderBytes bounds the headers, 64 KiB.
	MaxHeaderBytes int
	// TLS is the server's side of HTTPS; nil serves HTTP.
	TLS *tls.Config
	// Logger is told of connections that fail; nil drops that.
	Logger *zap.Logger
	// MaxConnections bounds the connections that are open at once; 0 does not. Registerer
	// takes their metrics; it may be nil.
	MaxConnections int
	Registerer     prometheus.Registerer
}

// Server serves a handler over HTTP with bounds on slow clients.
type Server struct {
	http     *http.Server
	listener net.Listener
	failed   chan error
	start    sync.Once
	running  sync.WaitGroup
}

// NewServer checks the address and binds it; nothing is served before Start. An
// address that is not loopback needs keys.
func NewServer(handler http.Handler, opts ServerOptions) (*Server, error) {
	listener, err := listen(opts)
	if err != nil {
		return nil, err
	}
	logger := opts.Logger
	if logger == nil {
		logger = zap.NewNop()
	}
	s := &Server{
		listener: listener,
		failed:   make(chan error, 1),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: cmp.Or(opts.ReadHeaderTimeout, 5*time.Second),
			ReadTimeout:       cmp.Or(opts.ReadTimeout, 30*time.Second),
			WriteTimeout:      cmp.Or(opts.WriteTimeout, time.Minute),
			IdleTimeout:       cmp.Or(opts.IdleTimeout, 2*time.Minute),
			MaxHeaderBytes:    cmp.Or(opts.MaxHeaderBytes, 64<<10),
			TLSConfig:         opts.TLS,
			ErrorLog:          newServerLog(logger),
		},
	}
	if opts.MaxConnections > 0 {
		c := newConnections(opts.MaxConnections, opts.Registerer)
		s.listener, s.http.ConnState, s.http.ConnContext = c.limit(listener), c.changed, c.inContext
	}
	return s, nil
}

func listen(opts ServerOptions) (net.Listener, error) {
	// The name is resolved once, so that what is checked is what is bound.
	addr, err := net.ResolveTCPAddr("tcp", opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", opts.Listen, err)
	}
	if !addr.IP.IsLoopback() && !opts.AllowUnauthenticated {
		return nil, fmt.Errorf("listen %q: everybody who reaches this address could send events: configure auth.keys, "+
			"listen on 127.0.0.1, or set allow_unauthenticated: true", opts.Listen)
	}
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", opts.Listen, err)
	}
	return listener, nil
}

// Addr is the address that is bound.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Failed receives the error that ended serving before Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// Start begins to serve. It does nothing the second time, or after Stop.
func (s *Server) Start() {
	s.start.Do(func() {
		s.running.Go(func() {
			if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- err
			}
		})
	})
}

func (s *Server) serve() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// Stop takes no more connections, waits for requests under way until ctx ends,
// and then cuts them off. It may be called more than once, and without Start.
func (s *Server) Stop(ctx context.Context) error {
	s.start.Do(func() {}) // a Start that comes after must not serve
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were cut off: %w", err), s.http.Close())
	}
	s.running.Wait()
	if closeErr := s.listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}
