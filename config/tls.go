package config

import (
	"errors"
	"io/fs"
	"time"

	"signalbox/auth"
	"signalbox/document"
	"signalbox/secret"
)

// TLS names the files with which the router speaks HTTPS, in PEM; without any it speaks HTTP.
type TLS struct {
	// CertFile has the certificate in PEM, and those between it and its root.
	CertFile string `yaml:"cert_file" example:"tls/tls.crt" with:"{key_file: tls/tls.key}"`
	// KeyFile has its key in PEM.
	KeyFile string `yaml:"key_file" example:"tls/tls.key" with:"{cert_file: tls/tls.crt}"`
	// ClientCAFile has the roots of clients, which must then show a certificate.
	ClientCAFile string `yaml:"client_ca_file" example:"tls/clients.crt" with:"{cert_file: tls/tls.crt, key_file: tls/tls.key}"`
}

// On reports whether the router speaks HTTPS.
func (t TLS) On() bool { return t != (TLS{}) }

// Scheme returns https or http.
func (t TLS) Scheme() string {
	if t.On() {
		return "https"
	}
	return "http"
}

// Files returns the files by their paths.
func (t TLS) Files() auth.TLSFiles {
	return auth.TLSFiles{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile}
}

// in resolves the paths, which are relative to a folder.
func (t TLS) in(dir string) TLS {
	for _, path := range []*string{&t.CertFile, &t.KeyFile, &t.ClientCAFile} {
		if *path != "" {
			*path = secret.ResolvePath(dir, *path)
		}
	}
	return t
}

// paths returns those that are set.
func (t TLS) paths() (paths []string) {
	for _, path := range []string{t.CertFile, t.KeyFile, t.ClientCAFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// tls notes what is missing. The files are read by CheckTLS, or when the router starts:
// commands that only look for its address may not read the key.
func (v *validation) tls(t TLS) {
	if t.On() {
		v.check(t.CertFile != "" && t.KeyFile != "", "needs both cert_file and key_file", "tls")
	}
}

// CheckTLS returns what is wrong with the files of tls, and what may be. Files that this
// machine lacks are only warned about: the one that the configuration is for has them.
func (c *Config) CheckTLS() (warnings []*document.Problem, err error) {
	if !c.TLS.On() {
		return nil, nil
	}
	var faults, notes document.Problems
	at, path := c.at("tls"), document.Path{}.Key("tls")
	identity, err := c.TLS.Files().Load()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		notes.Add(at, path, "%v: serve will not start without it", err)
	case err != nil:
		faults.Add(at, path, "%v", err)
	default:
		for _, text := range identity.Warnings(time.Now()) {
			notes.Add(at, path, "%s", text)
		}
	}
	return notes.Sorted(), faults.Err()
}

// CheckCluster is CheckTLS of the files of cluster.
func (c *Config) CheckCluster() (warnings []*document.Problem, err error) {
	if !c.Cluster.On() {
		return nil, nil
	}
	var faults, notes document.Problems
	at, path := c.at("cluster"), document.Path{}.Key("cluster")
	for _, err := range c.ClusterFiles() {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			notes.Add(at, path, "%v: put it there, for the router to read, or correct the option: serve will not start without it", err)
		} else {
			faults.Add(at, path, "%v", err)
		}
	}
	return notes.Sorted(), faults.Err()
}

// at returns where a value stands in the file, or the file.
func (c *Config) at(keys ...string) document.Position {
	pos, node := document.Position{File: c.Path}, c.root
	for _, key := range keys {
		if node = node.Get(key); node != nil {
			pos = node.Pos
		}
	}
	return pos
}
