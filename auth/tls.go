package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"signalbox/secret"
)

// TLSFiles name what a listener speaks TLS with, in PEM.
type TLSFiles struct {
	// Cert holds the certificate and those between it and its root, Key its key.
	Cert, Key string
	// ClientCA holds the roots of clients, which must then show a certificate; empty asks for none.
	ClientCA string
}

// Identity is what TLSFiles held when they were read.
type Identity struct {
	files  TLSFiles
	leaf   *x509.Certificate
	config *tls.Config
	sum    [sha256.Size]byte
}

// Load reads the files. The error names the one at fault; a missing one is fs.ErrNotExist.
func (f TLSFiles) Load() (*Identity, error) {
	cert, err := secret.Source{}.Read(f.Cert)
	if err != nil {
		return nil, fmt.Errorf("cert_file: %w", err)
	}
	key, err := secret.Source{}.Read(f.Key)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert_file %s and key_file %s: %w", f.Cert, f.Key, err)
	}
	i := &Identity{files: f, leaf: pair.Leaf, config: &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}}
	var roots []byte
	if f.ClientCA != "" {
		if roots, err = (secret.Source{}).Read(f.ClientCA); err != nil {
			return nil, fmt.Errorf("client_ca_file: %w", err)
		}
		i.config.ClientCAs = x509.NewCertPool()
		if !i.config.ClientCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("client_ca_file: %s holds no certificate in PEM", f.ClientCA)
		}
		i.config.ClientAuth = tls.RequireAndVerifyClientCert
		// A ticket would let a client in again whose root is trusted no more.
		i.config.SessionTicketsDisabled = true
	}
	h := sha256.New()
	for _, text := range [][]byte{cert, key, roots} {
		part := sha256.Sum256(text)
		h.Write(part[:])
	}
	i.sum = [sha256.Size]byte(h.Sum(nil))
	return i, nil
}

// Expires returns when the certificate does.
func (i *Identity) Expires() time.Time { return i.leaf.NotAfter }

// invalid returns why clients refuse the certificate at a time, or nil.
func (i *Identity) invalid(at time.Time) error {
	switch {
	case at.After(i.leaf.NotAfter):
		return fmt.Errorf("the certificate expired on %s", i.leaf.NotAfter.UTC().Format(time.RFC3339))
	case at.Before(i.leaf.NotBefore):
		return fmt.Errorf("the certificate is valid only from %s on", i.leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// expiryNotice is how long before its end a certificate is warned about; one that lives for
// less than three times that is warned about in the last third of its life.
const expiryNotice = 14 * 24 * time.Hour

// Warnings returns what is or will soon be wrong with the files, as of a time.
func (i *Identity) Warnings(at time.Time) (warnings []string) {
	notice := min(expiryNotice, i.leaf.NotAfter.Sub(i.leaf.NotBefore)/3)
	if err := i.invalid(at); err != nil {
		warnings = append(warnings, fmt.Sprintf("cert_file: %v: clients refuse it", err))
	} else if i.leaf.NotAfter.Sub(at) < notice {
		warnings = append(warnings, "cert_file: the certificate expires on "+i.leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if len(i.leaf.DNSNames)+len(i.leaf.IPAddresses) == 0 {
		warnings = append(warnings, "cert_file: the certificate names no host (subjectAltName): clients refuse it")
	}
	if info, err := os.Stat(i.files.Key); err == nil && info.Mode().Perm()&0o004 != 0 {
		warnings = append(warnings, "key_file: everybody on this machine may read it: chmod 600 "+i.files.Key)
	}
	return warnings
}

// Pinned returns the client's side of TLS for who has the router's certificate at
// hand: it trusts that one certificate, whatever name the router is called by.
func Pinned(certFile string) (*tls.Config, error) {
	text, err := secret.Source{}.Read(certFile)
	if err != nil {
		return nil, err
	}
	leaf, err := firstCertificate(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the names in it are of others; VerifyConnection compares all of it
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(leaf) {
				return errors.New("the router shows another certificate than that of cert_file")
			}
			return nil
		},
	}, nil
}

// firstCertificate returns the first certificate of a text in PEM.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("holds no certificate in PEM")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}
