package remote

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"signalbox/secret"
	"signalbox/targets"
)

// TLS is whom to trust, and which certificate to show. Paths are relative to the file that
// the target stands in.
type TLS struct {
	// CAFile has the certificates in PEM to trust in place of the system's. Paths start at the file
	// that names them.
	CAFile string `yaml:"ca_file" example:"tls/ca.crt"`
	// CertFile has the client's certificate in PEM.
	CertFile string `yaml:"cert_file" example:"tls/tls.crt" with:"{key_file: tls/tls.key}"`
	// KeyFile has the client's key in PEM.
	KeyFile string `yaml:"key_file" example:"tls/tls.key" with:"{cert_file: tls/tls.crt}"`
	// ServerName is the name that the server's certificate must have, if it is
	// not the one in the address.
	ServerName string `yaml:"server_name" example:"warehouse.example.com"`
	// InsecureSkipVerify trusts every certificate.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// Validate reports what is wrong with it, in the field tls.
func (c TLS) Validate(v *targets.Validation) {
	if c == (TLS{}) {
		return
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		v.Fail([]string{"tls"}, "cert_file and key_file go together")
		return
	}
	if _, err := c.Config(v.Dir, v.Secrets); err != nil {
		v.Fail([]string{"tls"}, "%v", err)
	}
}

// Config returns the client's side of TLS; nil means Go's defaults.
func (c TLS) Config(dir string, s secret.Source) (*tls.Config, error) {
	if c == (TLS{}) {
		return nil, nil
	}
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.CAFile != "" {
		pem, err := s.Read(secret.ResolvePath(dir, c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := certificate(s, secret.ResolvePath(dir, c.CertFile), secret.ResolvePath(dir, c.KeyFile))
		if err != nil {
			return nil, fmt.Errorf("cert_file and key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{cert}
	}
	return out, nil
}

// Client returns the side of TLS of a client of a host; nothing in it stands for Go's defaults.
func (c TLS) Client(dir string, s secret.Source, host string) (*tls.Config, error) {
	out, err := c.Config(dir, s)
	if out == nil {
		out = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if out.ServerName == "" {
		out.ServerName = host
	}
	return out, err
}

func certificate(s secret.Source, certFile, keyFile string) (tls.Certificate, error) {
	cert, err := s.Read(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := s.Read(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
