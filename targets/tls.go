package targets

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// tlsConfig builds the client's side of TLS; nil means Go's defaults.
func tlsConfig(c TLS, dir string, s Secrets) (*tls.Config, error) {
	if c == (TLS{}) {
		return nil, nil
	}
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.CAFile != "" {
		pem, err := s.readFile(resolvePath(dir, c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := s.certificate(resolvePath(dir, c.CertFile), resolvePath(dir, c.KeyFile))
		if err != nil {
			return nil, fmt.Errorf("cert_file and key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{cert}
	}
	return out, nil
}

func (s Secrets) certificate(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := s.readFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := s.readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
