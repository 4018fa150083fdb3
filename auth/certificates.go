package auth

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Certificates are the identity of a listener, which changes with its files.
type Certificates struct {
	files   TLSFiles
	log     *zap.Logger
	serving atomic.Pointer[Identity]
	expires prometheus.Gauge
	success prometheus.Gauge

	mu      sync.Mutex // one Reload at a time; guards failure
	failure string     // what was last logged
}

// NewCertificates reads the files. The registerer may be nil.
func NewCertificates(files TLSFiles, log *zap.Logger, registerer prometheus.Registerer) (*Certificates, error) {
	first, err := files.Load()
	if err != nil {
		return nil, err
	}
	c := &Certificates{
		files: files, log: log,
		expires: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "signalbox_tls_certificate_expiry_timestamp_seconds", Help: "When the listener's certificate expires, in Unix time.",
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "signalbox_tls_reload_success", Help: "Whether the listener's certificate is the one in its files.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(c.expires, c.success)
	}
	c.serve(first)
	return c, nil
}

// Config returns the server's side of TLS. A connection has the identity of when it began.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.serving.Load().config, nil },
	}
}

// Warnings returns what is or will soon be wrong with what is served.
func (c *Certificates) Warnings() []string { return c.serving.Load().Warnings(time.Now()) }

// Reload reads the files again. What can't be read, or what clients would refuse, changes
// nothing, and is logged once.
func (c *Certificates) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := c.files.Load()
	old := c.serving.Load()
	if err == nil && next.sum == old.sum {
		c.recovered()
		return
	}
	if now := time.Now(); err == nil && old.invalid(now) == nil {
		err = next.invalid(now)
	}
	if err != nil {
		c.success.Set(0)
		if text := err.Error(); text != c.failure {
			c.failure = text
			c.log.Error("the new certificate can't be used; the old one continues to serve", zap.Error(err), zap.Time("old_expires", old.Expires()))
		}
		return
	}
	c.serve(next)
	c.failure = ""
	c.log.Info("certificate reloaded", zap.String("subject", next.leaf.Subject.String()), zap.Time("expires", next.Expires()))
	for _, warning := range next.Warnings(time.Now()) {
		c.log.Warn("certificate has a warning", zap.String("warning", warning))
	}
}

func (c *Certificates) recovered() {
	c.success.Set(1)
	if c.failure != "" {
		c.failure = ""
		c.log.Info("the files of the certificate are again as it serves")
	}
}

func (c *Certificates) serve(i *Identity) {
	c.serving.Store(i)
	c.success.Set(1)
	c.expires.Set(float64(i.Expires().Unix()))
}
