package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"signalbox/auth/authtest"
	"signalbox/targets/targetstest/natsserver"
)

// secure is a cluster of three nodes which all speak TLS, with NATS too.
type secure struct {
	t      *testing.T
	nats   *server.Server
	nodes  []*process
	client *http.Client
	next   int
}

// newSecure starts one, with certificates of a root. With asks, nodes and NATS ask for certificates of clients, which NATS
// takes of the next root as well.
func newSecure(t *testing.T, asks bool, root, next *authtest.CA) *secure {
	t.Helper()
	x := &secure{t: t}
	pair, err := tls.X509KeyPair(root.Issue(time.Hour, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	roots := root.Pool()
	roots.AppendCertsFromPEM(next.PEM)
	x.nats = natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) {
		o.TLS, o.TLSConfig = true, &tls.Config{Certificates: []tls.Certificate{pair}}
		if asks {
			o.TLSConfig.ClientAuth, o.TLSConfig.ClientCAs = tls.RequireAndVerifyClientCert, roots
		}
	})
	x.trust(root, asks)
	clients, own := "", ""
	if asks {
		clients, own = ", client_ca_file: certs/ca.crt", ", cert_file: certs/tls.crt, key_file: certs/tls.key"
	}
	for node := 1; node <= 3; node++ {
		p := newNode(t, strings.Replace(x.nats.ClientURL(), "nats:", "tls:", 1), node,
			"targets: {log: {type: log}}\nrules: [{name: all, pattern: {source: [shop.orders]}, targets: [log]}]\n",
			"tls: {cert_file: certs/tls.crt, key_file: certs/tls.key"+clients+"}\n", ", ca_file: certs/ca.crt"+own)
		root.Write(filepath.Join(p.dir, "certs"), time.Hour)
		x.nodes = append(x.nodes, p)
		p.launch()
	}
	t.Cleanup(func() { x.client.CloseIdleConnections() })
	return x
}

// trust makes requests by who trusts a root, and shows a certificate of it.
func (x *secure) trust(ca *authtest.CA, shows bool) {
	config := &tls.Config{RootCAs: ca.Pool()}
	if shows {
		config.Certificates = []tls.Certificate{ca.Pair(time.Hour)}
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.5")}}
	x.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DialContext: dialer.DialContext}}
}

// send sends an event to each node, until all have taken one.
func (x *secure) send() {
	x.t.Helper()
	for _, p := range x.nodes {
		p.eventually(40*time.Second, "taking events", func() bool {
			err := p.putWithIDs(x.client, "key", 0, []int{x.next})
			return err == nil
		})
		x.next++
	}
}

// command runs a command at a node.
func (x *secure) command(p *process, args ...string) string {
	x.t.Helper()
	in := func(name string) string { return filepath.Join(p.dir, "certs", name) }
	out, err := p.command(append(args, "--url", p.url, "--ca-cert", in("ca.crt"), "--client-cert", in("tls.crt"), "--client-key", in("tls.key"))...)
	if err != nil {
		x.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// leader returns which node leads, and one that follows.
func (x *secure) leader() (leader, follower *process) {
	x.t.Helper()
	x.nodes[0].eventually(40*time.Second, "knowing a leader", func() bool {
		status, text := x.nodes[0].ask(x.client, http.MethodGet, "/v1/cluster")
		var s clusterStatus
		if status != http.StatusOK || json.Unmarshal([]byte(text), &s) != nil || s.Leader == nil {
			return false
		}
		leader, follower = x.nodes[s.Leader.Node-1], x.nodes[s.Leader.Node%len(x.nodes)]
		return true
	})
	return leader, follower
}

// TestClusterWithTLS does through nodes that follow what people do, while all connections are by TLS, with and without
// certificates of clients.
func TestClusterWithTLS(t *testing.T) {
	for _, asks := range []bool{false, true} {
		t.Run(fmt.Sprintf("asks=%v", asks), func(t *testing.T) {
			root := authtest.NewCA(t)
			x := newSecure(t, asks, root, root)
			x.send()
			leader, follower := x.leader()
			follower.eventually(20*time.Second, "telling of all nodes", func() bool {
				out := x.command(follower, "cluster", "status")
				return strings.Count(out, "follower ") == 2 && strings.Count(out, "leader ") == 1 && strings.Contains(out, follower.url)
			})
			if out := x.command(follower, "events"); strings.Count(out, "shop.orders") != 3 {
				t.Errorf("the events:\n%s", out)
			}
			status, text := follower.ask(x.client, http.MethodGet, "/ui/")
			if status != http.StatusOK || !strings.Contains(text, "Overview") {
				t.Errorf("the console: %d %s", status, text)
			}
			x.tail(follower)
			x.command(follower, "targets", "pause", "log")
			x.command(leader, "targets", "resume", "log")
			x.auditHas(follower, asks)
			x.command(follower, "cluster", "snapshot")
			x.wipe(follower)
			x.stepDown(follower)
			x.send()
		})
	}
}

// stepDown lets another node lead, once one can, which a node is asked for.
func (x *secure) stepDown(p *process) {
	x.t.Helper()
	before, _ := x.leader()
	p.eventually(40*time.Second, "led by another", func() bool {
		if now, _ := x.leader(); now != before {
			return true
		}
		_, _ = p.ask(x.client, http.MethodPost, "/v1/cluster/step-down")
		return false
	})
}

// tail follows the events through a node while one is sent.
func (x *secure) tail(p *process) {
	x.t.Helper()
	r, err := p.do(x.client, http.MethodGet, "/v1/events/stream", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		x.t.Fatalf("the stream: %s", r.Status)
	}
	x.send()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), givenID(x.next-1)) {
			return
		}
	}
	x.t.Errorf("the stream has ended without the event: %v", lines.Err())
}

// auditHas checks that what was done stands there with the client's own address and certificate.
func (x *secure) auditHas(p *process, asks bool) {
	x.t.Helper()
	if status, text := p.ask(x.client, http.MethodPost, "/v1/targets/log/resume"); status != http.StatusOK {
		x.t.Fatalf("%d %s", status, text)
	}
	e := p.audit(x.client)[0]
	want := ""
	if asks {
		want = "one of a test"
	}
	if e.Action != "targets.resume" || e.Certificate != want || !strings.HasPrefix(e.From, "127.0.0.5:") {
		x.t.Errorf("the audit has %+v", e)
	}
}

// wipe takes the disk of a node, which makes its store of the snapshot and the log.
func (x *secure) wipe(p *process) {
	x.t.Helper()
	p.kill()
	if err := os.RemoveAll(filepath.Join(p.dir, "data")); err != nil {
		x.t.Fatal(err)
	}
	p.launch()
	p.eventually(40*time.Second, "having what was sent before", func() bool {
		r, err := p.do(x.client, http.MethodGet, "/v1/events/"+givenID(0), nil)
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// TestClusterRenewsCertificates: those of all nodes come of another root, and none is started again. While they are
// renewed, both roots are trusted.
func TestClusterRenewsCertificates(t *testing.T) {
	root, next := authtest.NewCA(t), authtest.NewCA(t)
	x := newSecure(t, true, root, next)
	x.send()
	for _, p := range x.nodes {
		p.write("certs/ca.crt", string(root.PEM)+string(next.PEM))
	}
	for _, p := range x.nodes {
		cert, key := next.Issue(time.Hour, "127.0.0.1")
		p.write("certs/tls.key", string(key))
		p.write("certs/tls.crt", string(cert))
	}
	x.client.CloseIdleConnections()
	x.trust(next, true)
	for _, p := range x.nodes {
		p.eventually(20*time.Second, "showing its new certificate", func() bool {
			r, err := p.do(x.client, http.MethodGet, "/healthz", nil)
			if err == nil {
				r.Body.Close()
			}
			return err == nil
		})
	}
	x.send()
	connections, err := x.nats.Connz(&server.ConnzOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connections.Conns { // all log in again, by what is in their files
		if err := x.nats.DisconnectClientByID(c.Cid); err != nil {
			t.Error(err)
		}
	}
	_, follower := x.leader()
	x.stepDown(follower) // and the others connect to another node
	x.send()
}
