package connect

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"signalbox/auth"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
)

// The environment variables of a client's TLS.
const (
	caVariable   = "SIGNALBOX_CA_CERT"
	certVariable = "SIGNALBOX_CLIENT_CERT"
	pkeyVariable = "SIGNALBOX_CLIENT_KEY"
)

// clientTLS is the flags of commands that talk to a router over HTTPS.
type clientTLS struct {
	ca, cert, key string
}

func (x *clientTLS) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&x.ca, "ca-cert", "", "the root certificates to trust, in PEM (default: $"+caVariable+", or the system's)")
	cmd.PersistentFlags().StringVar(&x.cert, "client-cert", "", "the client's certificate for the router, in PEM (default: $"+certVariable+")")
	cmd.PersistentFlags().StringVar(&x.key, "client-key", "", "the key of the client's certificate, in PEM (default: $"+pkeyVariable+")")
}

// config returns the client's side of TLS. local is the router that the configuration
// describes where the command asks that one, else nil: where no roots are given, its own
// certificate is trusted, as its names need not be those that this machine reaches it by.
func (x *clientTLS) config(local *config.Config) (*tls.Config, error) {
	ca, cert, key := cmp.Or(x.ca, os.Getenv(caVariable)), cmp.Or(x.cert, os.Getenv(certVariable)), cmp.Or(x.key, os.Getenv(pkeyVariable))
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	switch {
	case ca != "":
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("--ca-cert: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-cert: %s holds no certificate in PEM", ca)
		}
	case local != nil && local.TLS.On():
		if pinned, err := auth.Pinned(local.TLS.CertFile); err == nil { // else the system's roots may do
			out = pinned
		}
	}
	if (cert == "") != (key == "") {
		return nil, cli.WrongUsage("--client-cert and --client-key belong together: give both")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("--client-cert and --client-key: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
