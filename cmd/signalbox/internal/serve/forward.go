package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/audit"
	"signalbox/cluster"
)

// forwardedBy is the header of a request that a node hands to the leader, with the numbers of the nodes that did: one
// that has just stepped down hands on what another took it for the leader with, and no further node does.
const (
	forwardedBy = "Signalbox-Forwarded-By"
	maxForwards = 2
)

// forwardedFor is the header by which a node tells the leader who has sent a request: see cluster.Node.Vouch.
const forwardedFor = "Signalbox-Forwarded-For"

// handshakeTime bounds connecting to another node by TLS.
const handshakeTime = 5 * time.Second

// fromClient serves what another node hands on as if its client had sent it here: by its address, and with the name in
// its certificate. Nobody but a node can say so.
func (s *server) fromClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := r.Header.Get(forwardedFor)
		r.Header.Del(forwardedFor)
		if said != "" {
			if client, ok := s.node.Vouched(r.Context(), said); ok {
				r = r.WithContext(audit.WithCertificate(r.Context(), client.Certificate))
				r.RemoteAddr = client.From
			}
		}
		next.ServeHTTP(w, r)
	})
}

// forwarder returns what hands requests to the leader, as they came: the leader checks keys and signatures,
// and answers. The name in the Host header stays the client's own.
func (s *server) forwarder() http.Handler {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}
	transport := &http.Transport{
		DialContext: dialer.DialContext, DialTLSContext: s.secured(dialer),
		MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: zap.NewStdLog(s.log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(leaderOf(r.In.Context()))
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.Header.Set(forwardedFor, s.node.Vouch(cluster.Client{From: r.In.RemoteAddr, Certificate: audit.Certificate(r.In)}))
			r.Out.Header[forwardedBy] = append(slices.Clone(r.In.Header[forwardedBy]), strconv.Itoa(s.node.Number()))
			if r.In.Body != nil {
				r.Out.Body = io.NopCloser(r.In.Body) // it may be handed to another leader
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" && s.again(w, r) {
				return // nothing of it has been sent
			}
			if !errors.Is(err, context.Canceled) {
				s.log.Debug("a request could not be handed to the leader", zap.Error(err))
			}
			writeNoLeader(w)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave(r) // this node does not begin to lead before requests have left its store
		leader, gone := s.node.Follows()
		if leader == nil || len(r.Header[forwardedBy]) >= maxForwards {
			if !s.again(w, r) {
				writeNoLeader(w)
			}
			return
		}
		u, err := url.Parse(leader.URL)
		if err != nil || u.Host == "" {
			writeNoLeader(w)
			return
		}
		ctx, end := context.WithCancelCause(context.WithValue(r.Context(), handedKey{}, &handed{r, u}))
		defer end(nil)
		go func() { // a machine that hangs answers nothing, not even that it is gone; one that stepped down hands on
			select {
			case <-gone:
				defer time.AfterFunc(goneGrace, func() { end(errLeaderGone) }).Stop()
				<-ctx.Done()
			case <-ctx.Done():
			}
		}()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
}

// secured returns how this node connects to another by TLS: with its files as they are then, so that certificates are
// renewed while it runs, or as they were last good.
func (s *server) secured(dialer *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	var good atomic.Pointer[tls.Config]
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config, err := s.cfg.ClusterTLS()
		switch last := good.Load(); {
		case err == nil:
			good.Store(config)
		case last == nil:
			return nil, fmt.Errorf("cluster: %w", err)
		default:
			config = last
		}
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
	}
}

type (
	handedKey struct{}
	waitedKey struct{}
)

// handed is a request on its way to a leader.
type handed struct {
	request *http.Request
	to      *url.URL
}

// leaderOf is where the leader is that a request is handed to.
func leaderOf(ctx context.Context) *url.URL { return ctx.Value(handedKey{}).(*handed).to }

// leaderPatience is for how long a request waits for the next leader, as when one has stepped down.
const leaderPatience = 1500 * time.Millisecond

// goneGrace is for how long what was handed to a leader may take once that leads no more.
const goneGrace = 2 * leaderPatience

// again waits, once, for another leader than there was, and has the request served by it; false where there is none
// in time.
func (s *server) again(w http.ResponseWriter, r *http.Request) bool {
	to := ""
	if h, ok := r.Context().Value(handedKey{}).(*handed); ok {
		r, to = h.request, h.to.String()
	}
	if r.Context().Value(waitedKey{}) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), leaderPatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		leader, _ := s.node.Follows()
		if s.node.serves.Load() || leader != nil && leader.URL != to && len(r.Header[forwardedBy]) < maxForwards {
			s.front.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), waitedKey{}, true)))
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// errLeaderGone ends a request that was handed to a leader which leads no more.
var errLeaderGone = errors.New("the leader that the request was handed to leads no more")

// writeNoLeader answers what can't be handed to a leader now. Whether an event that was handed on was
// accepted is not known: with an id of its own it may be sent again.
func writeNoLeader(w http.ResponseWriter) {
	writeUnavailable(w, codeNoLeader, "no node leads the cluster at the moment, or its leader can't be reached")
}

// The codes of what a node can't answer itself (docs/errors.md).
const (
	codeNoLeader  = "NoLeader"
	codeNotJoined = "NotJoined"
)

// writeUnavailable answers what another node may take now, or this one soon.
func writeUnavailable(w http.ResponseWriter, code, message string) {
	w.Header().Set("Retry-After", "1")
	api.WriteError(w, &api.Error{Status: http.StatusServiceUnavailable, Code: code, Message: message, Hint: "send it again, to any node"})
}
