package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	natsio "github.com/nats-io/nats.go"

	"signalbox/cluster"
	"signalbox/document"
	"signalbox/journal/store"
	"signalbox/secret"
)

// Cluster makes the router one node of several, whose log is a stream of NATS JetStream.
type Cluster struct {
	// NATS are the addresses of the servers, with commas between them. Without any, the router is alone.
	NATS string `yaml:"nats" example:"'nats://10.0.0.1:4222,nats://10.0.0.2:4222,nats://10.0.0.3:4222'" with:"{name: orders, node: 1, advertise: 'http://10.0.0.1:8080'}"`
	// Name tells the cluster from others on the same servers: letters, digits, - and _.
	Name string `yaml:"name" example:"orders" with:"{nats: 'nats://10.0.0.1:4222', node: 1, advertise: 'http://10.0.0.1:8080'}"`
	// Node is the number of this node. No two nodes have the same one.
	Node int `yaml:"node" min:"1" max:"1023" default:"" example:"1" with:"{nats: 'nats://10.0.0.1:4222', name: orders, advertise: 'http://10.0.0.1:8080'}"`
	// Advertise is where the other nodes reach this one, by HTTP.
	Advertise string `yaml:"advertise" example:"http://10.0.0.1:8080" with:"{nats: 'nats://10.0.0.1:4222', name: orders, node: 1}"`
	// NATSServer is the name (server_name) of the server that fails together with this node, as one on the same machine.
	// While this node leads, the other servers lead the streams, so that no machine takes both when it is lost.
	NATSServer string `yaml:"nats_server" example:"n1" with:"{nats: 'nats://10.0.0.1:4222', name: orders, node: 1, advertise: 'http://10.0.0.1:8080'}"`
	// Replicas is on how many servers the log is kept: 1, 3 or 5.
	Replicas int `yaml:"replicas"`
	// SnapshotBytes is after how much of the log a snapshot of the store is made, and the log before it is dropped.
	SnapshotBytes document.Size `yaml:"snapshot_bytes" min:"1048576"`
	// User and Password log in, or Token, or CredentialsFile (a .creds file of NATS).
	User            string `yaml:"user" example:"signalbox" with:"{password: example-of-a-password}"`
	Password        Secret `yaml:"password" example:"example-of-a-password" with:"{user: signalbox}"`
	Token           Secret `yaml:"token" example:"example-of-a-token"`
	CredentialsFile string `yaml:"credentials_file" example:"tls/nats.creds"`
	// CAFile has the certificates in PEM to trust in place of the system's, also those of the other nodes.
	CAFile string `yaml:"ca_file" example:"tls/ca.crt"`
	// CertFile and KeyFile are what this node shows the servers of NATS, and the other nodes.
	CertFile string `yaml:"cert_file" example:"tls/tls.crt" with:"{key_file: tls/tls.key}"`
	KeyFile  string `yaml:"key_file" example:"tls/tls.key" with:"{cert_file: tls/tls.crt}"`
}

// On reports whether the router is a node of a cluster.
func (c *Cluster) On() bool { return c.NATS != "" }

// clusterName is what names of clusters look like: they are part of the names of streams and buckets.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// minSnapshotBytes keeps snapshots from being made all the time.
const minSnapshotBytes = 1 << 20

func (c *Cluster) validate(v *validation) {
	v.check(slices.Contains([]int{1, 3, 5}, c.Replicas), "must be 1, 3 or 5", "cluster", "replicas")
	v.check(c.SnapshotBytes >= minSnapshotBytes, "must be at least 1MiB", "cluster", "snapshot_bytes")
	if !c.On() {
		v.check(c.Name == "" && c.Node == 0 && c.Advertise == "" && c.NATSServer == "", "is missing: a cluster has its log on servers of NATS", "cluster", "nats")
		return
	}
	for _, address := range strings.Split(c.NATS, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		v.check(err == nil && u.Host != "" && (u.Scheme == "nats" || u.Scheme == "tls") && u.User == nil && u.Path == "",
			"must be addresses such as nats://10.0.0.1:4222, with commas between them and no user", "cluster", "nats")
	}
	v.check(clusterName.MatchString(c.Name), "must be 1 to 64 letters, digits, - and _", "cluster", "name")
	v.check(c.Node >= 1 && c.Node < store.MaxNodes, "must be from 1 to 1023, and another number on each node", "cluster", "node")
	v.check(validURL(c.Advertise), "must be where the other nodes reach this one, such as http://10.0.0.1:8080", "cluster", "advertise")
	v.check((c.User == "") == (c.Password == ""), "user and password go together", "cluster", "user")
	v.check((c.CertFile == "") == (c.KeyFile == ""), "cert_file and key_file go together", "cluster", "cert_file")
	ways := 0
	for _, given := range []bool{c.User != "", c.Token != "", c.CredentialsFile != ""} {
		if given {
			ways++
		}
	}
	v.check(ways <= 1, "give only one of user and password, token, and credentials_file", "cluster", "token")
}

// ClusterOptions returns those of the node that the configuration is of.
func (c *Config) ClusterOptions() cluster.Options {
	o := &c.Cluster
	return cluster.Options{
		URL: o.NATS, Client: o.client(c.Dir), Name: o.Name, Node: o.Node, Advertise: o.Advertise, Server: o.NATSServer, Replicas: o.Replicas,
		SnapshotBytes: int64(o.SnapshotBytes), MaxBody: int64(c.Limits.MaxBody),
	}
}

// ClusterTLS returns the client's side of TLS towards the other nodes, by the files as they are now. An error is as
// those of ClusterFiles.
func (c *Config) ClusterTLS() (*tls.Config, error) {
	roots, err := c.clusterRoots()
	if err != nil {
		return nil, err
	}
	pair, err := c.clusterPair()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: pair}, nil
}

// ClusterFiles returns why the files of cluster can't be used. Each error names the option and the file; that of a missing
// one is fs.ErrNotExist.
func (c *Config) ClusterFiles() (all []error) {
	_, roots := c.clusterRoots()
	_, pair := c.clusterPair()
	for _, err := range []error{roots, pair, c.clusterLogin()} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

func (c *Config) clusterFile(option, path string) ([]byte, error) {
	text, err := secret.Source{}.Read(secret.ResolvePath(c.Dir, path))
	if err != nil {
		err = fmt.Errorf("%s: %w", option, err)
	}
	return text, err
}

// clusterRoots returns what ca_file trusts; nil without one.
func (c *Config) clusterRoots() (*x509.CertPool, error) {
	if c.Cluster.CAFile == "" {
		return nil, nil
	}
	text, err := c.clusterFile("ca_file", c.Cluster.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.Cluster.CAFile)
	}
	return roots, nil
}

// clusterPair returns what cert_file and key_file hold; nil without them.
func (c *Config) clusterPair() ([]tls.Certificate, error) {
	o := &c.Cluster
	if o.CertFile == "" {
		return nil, nil
	}
	cert, err := c.clusterFile("cert_file", o.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := c.clusterFile("key_file", o.KeyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert_file %s and key_file %s: %w", o.CertFile, o.KeyFile, err)
	}
	return []tls.Certificate{pair}, nil
}

// clusterLogin returns why credentials_file can't be used.
func (c *Config) clusterLogin() error {
	path := c.Cluster.CredentialsFile
	if path == "" {
		return nil
	}
	if _, err := c.clusterFile("credentials_file", path); err != nil {
		return err
	}
	var login natsio.Options
	err := natsio.UserCredentials(secret.ResolvePath(c.Dir, path))(&login)
	if err == nil {
		_, err = login.SignatureCB([]byte("try"))
	}
	if err != nil {
		return fmt.Errorf("credentials_file: %s is no .creds file of NATS with a user's seed: write one with nsc generate creds", path)
	}
	return nil
}

// client returns how to log in to the servers. Paths start at dir.
func (c *Cluster) client(dir string) (options []natsio.Option) {
	in := func(path string) string { return secret.ResolvePath(dir, path) }
	switch {
	case c.User != "":
		options = append(options, natsio.UserInfo(c.User, c.Password.Reveal()))
	case c.Token != "":
		options = append(options, natsio.Token(c.Token.Reveal()))
	case c.CredentialsFile != "":
		options = append(options, natsio.UserCredentials(in(c.CredentialsFile)))
	}
	if c.CAFile != "" {
		options = append(options, natsio.RootCAs(in(c.CAFile)))
	}
	if c.CertFile != "" {
		options = append(options, natsio.ClientCert(in(c.CertFile), in(c.KeyFile)))
	}
	if strings.Contains(c.NATS, "tls://") {
		options = append(options, natsio.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	return options
}
