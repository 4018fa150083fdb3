// Package authtest makes certificates for tests.
package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA issues certificates.
type CA struct {
	// PEM is its own certificate.
	PEM  []byte
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA returns a root of its own.
func NewCA(t testing.TB) *CA {
	t.Helper()
	c := &CA{t: t, key: newKey(t)}
	form := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "root of a test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &c.key.PublicKey, c.key)
	must(t, err)
	c.cert, err = x509.ParseCertificate(der)
	must(t, err)
	c.PEM = block("CERTIFICATE", der)
	return c
}

// Pool returns the root for those who trust it.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// Issue returns a certificate and its key in PEM: for servers of these names and
// addresses, and for clients. It began as long ago as it is valid from now on; with a
// negative time it ended that long ago.
func (c *CA) Issue(valid time.Duration, names ...string) (cert, key []byte) {
	c.t.Helper()
	form := &x509.Certificate{
		SerialNumber: serial(c.t), Subject: pkix.Name{CommonName: "one of a test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(min(-valid, 2*valid)), NotAfter: time.Now().Add(valid),
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			form.IPAddresses = append(form.IPAddresses, ip)
			continue
		}
		form.DNSNames = append(form.DNSNames, name)
	}
	k := newKey(c.t)
	der, err := x509.CreateCertificate(rand.Reader, form, c.cert, &k.PublicKey, c.key)
	must(c.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	must(c.t, err)
	return block("CERTIFICATE", der), block("PRIVATE KEY", secret)
}

// Pair is Issue for a client.
func (c *CA) Pair(valid time.Duration) tls.Certificate {
	c.t.Helper()
	pair, err := tls.X509KeyPair(c.Issue(valid))
	must(c.t, err)
	return pair
}

// Write issues a certificate for localhost into dir, as tls.crt and tls.key, with ca.crt.
func (c *CA) Write(dir string, valid time.Duration) {
	c.t.Helper()
	cert, key := c.Issue(valid, "localhost", "127.0.0.1", "::1")
	must(c.t, os.MkdirAll(dir, 0o700))
	for name, text := range map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": c.PEM} {
		must(c.t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func serial(t testing.TB) *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	return n
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
