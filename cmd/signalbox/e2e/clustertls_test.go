package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"signalbox/auth/authtest"
	"signalbox/targets/targetstest/natsserver"
)

// TestClusterOfNodesThatAskForCertificates: a node that follows hands events to a leader that asks for a certificate.
func TestClusterOfNodesThatAskForCertificates(t *testing.T) {
	ca := authtest.NewCA(t)
	pair, err := tls.X509KeyPair(ca.Issue(time.Hour, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	nats := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) {
		o.TLS, o.TLSConfig = true, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	})
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool(), Certificates: []tls.Certificate{ca.Pair(time.Hour)},
	}}}
	defer client.CloseIdleConnections()
	for node := 1; node <= 2; node++ {
		p := newProcess(t, "targets: {log: {type: log}}\nrules: [{name: all, pattern: {source: [shop.orders]}, targets: [log]}]\n")
		ca.Write(filepath.Join(p.dir, "certs"), time.Hour)
		p.url = strings.Replace(p.url, "http:", "https:", 1)
		p.write("config.yaml", p.read("config.yaml")+fmt.Sprintf(`
tls: {cert_file: certs/tls.crt, key_file: certs/tls.key, client_ca_file: certs/ca.crt}
cluster: {nats: %q, name: orders, node: %d, advertise: %q, replicas: 1, ca_file: certs/ca.crt, cert_file: certs/tls.crt, key_file: certs/tls.key}
`, strings.Replace(nats.ClientURL(), "nats:", "tls:", 1), node, p.url))
		p.launch()
		p.eventually(30*time.Second, "taking events", func() bool {
			return p.putWithIDs(client, "key", 0, []int{node}) == nil
		})
	}
}
