package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/secret"
)

// forwardedBy is the header of a request that a node hands to the leader, with the number of the node: one that
// does not lead either does not hand it on.
const forwardedBy = "Signalbox-Forwarded-By"

// forwarder returns what hands requests to the leader, as they came: the leader checks keys and signatures,
// and answers. The name in the Host header stays the client's own.
func (s *server) forwarder() (http.Handler, error) {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second, DisableCompression: true,
	}
	if ca := s.cfg.Cluster.CAFile; ca != "" {
		text, err := os.ReadFile(secret.ResolvePath(s.cfg.Dir, ca))
		if err != nil {
			return nil, fmt.Errorf("cluster.ca_file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cluster.ca_file: %s has no certificates in PEM", ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: zap.NewStdLog(s.log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(leaderOf(r.In.Context()))
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.Header.Set(forwardedBy, strconv.Itoa(s.node.Number()))
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if !errors.Is(err, context.Canceled) {
				s.log.Debug("a request could not be handed to the leader", zap.Error(err))
			}
			writeNoLeader(w)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leader, gone := s.node.Follows()
		if leader == nil || r.Header.Get(forwardedBy) != "" {
			writeNoLeader(w)
			return
		}
		u, err := url.Parse(leader.URL)
		if err != nil || u.Host == "" {
			writeNoLeader(w)
			return
		}
		ctx, end := context.WithCancelCause(context.WithValue(r.Context(), leaderKey{}, u))
		defer end(nil)
		go func() { // a machine that hangs answers nothing, not even that it is gone
			select {
			case <-gone:
				end(errLeaderGone)
			case <-ctx.Done():
			}
		}()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}), nil
}

type leaderKey struct{}

// errLeaderGone ends a request that was handed to a leader which leads no more.
var errLeaderGone = errors.New("the leader that the request was handed to leads no more")

// leaderOf is where the leader is that a request is handed to.
func leaderOf(ctx context.Context) *url.URL { return ctx.Value(leaderKey{}).(*url.URL) }

// writeNoLeader answers what can't be handed to a leader now. Whether an event that was handed on was
// accepted is not known: with an id of its own it may be sent again.
func writeNoLeader(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	api.WriteError(w, &api.Error{Status: http.StatusServiceUnavailable, Code: "NoLeader", Message: "no node leads the cluster at the moment, or its leader can't be reached", Hint: "send it again, to any node"})
}
