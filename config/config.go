// Package config reads config.yaml strictly, fills in defaults, and keeps what
// it says, with all rule files, up to date while the router runs.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signalbox/catalog"
	"signalbox/document"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/secret"
	"signalbox/targets/egress"
)

// DefaultPath is where the commands look for the configuration.
const DefaultPath = "config.yaml"

// Config is what config.yaml says, after defaults.
type Config struct {
	// Path is the file it was read from; empty for Default. Dir is its folder,
	// where relative paths start.
	Path string `yaml:"-"`
	Dir  string `yaml:"-"`

	// Listen is the address to serve HTTP on. Beyond loopback it needs keys, or AllowUnauthenticated.
	Listen string `yaml:"listen" example:"0.0.0.0:8443" with:"{allow_unauthenticated: true}"`
	// PublicURL is where consumers reach the router, for the references in notifications; empty for
	// where it listens.
	PublicURL string `yaml:"public_url" example:"https://events.example.com"`
	// DataDir is the folder of the router's data. The router alone uses it.
	DataDir string `yaml:"data_dir" example:"/var/lib/signalbox"`
	// Rules are the globs of rule files, or folders of them.
	Rules []string `yaml:"rules" example:"[rules/*.yaml]"`
	// These sections are as they are written; LoadRules reads them, together with those of the rule files.

	Targets     *document.Node `yaml:"targets" holds:"targets" example:"{log: {type: log}}" json:"-"`                                                   // As in rule files.
	Buses       *document.Node `yaml:"buses" holds:"buses" example:"{orders: {description: Of the shop}}" json:"-"`                                     // As in rule files.
	Hooks       *document.Node `yaml:"hooks" holds:"hooks" example:"{shop: {verify: github, secrets: [example-of-a-secret]}}" json:"-"`                 // As in rule files.
	Connections *document.Node `yaml:"connections" holds:"connections" example:"{crm: {auth: {bearer: example-of-a-token}}}" json:"-"`                  // As in rule files.
	Sources     *document.Node `yaml:"sources" holds:"sources" example:"{orders: {type: nats, url: 'nats://127.0.0.1:4222', stream: ORDERS}}" json:"-"` // As in rule files.
	Archives    *document.Node `yaml:"archives" holds:"archives" example:"{orders: {folder: archive}}" json:"-"`                                        // As in rule files.

	// Catalog are the globs of catalog files, or folders of them.
	Catalog []string `yaml:"catalog" example:"[catalog/*.yaml]"`
	// Naming is the standard for the names of types.
	Naming *catalog.Naming `yaml:"naming"`

	// Account is the account of events that have none.
	Account string `yaml:"account" example:"'123456789012'"`
	// Region is the region of events that have none.
	Region string `yaml:"region" example:"eu-central-1"`

	// Auth is who may call the router.
	Auth Auth `yaml:"auth"`
	// TLS is with what the router speaks HTTPS; without it, it speaks HTTP.
	TLS TLS `yaml:"tls"`
	// AllowUnauthenticated lets the router listen beyond loopback without keys.
	AllowUnauthenticated bool `yaml:"allow_unauthenticated"`
	// AllowedHosts are names that the router answers to without keys, besides those of loopback, the
	// listen address and PublicURL.
	AllowedHosts []string `yaml:"allowed_hosts" example:"[events.internal]"`

	// Egress is what targets and sources may connect to.
	Egress egress.Policy `yaml:"egress"`

	// Secrets are what rule files may refer to; everything where it is left out.
	Secrets secret.Limits `yaml:"secrets"`

	// SecretKeys are what secrets are encrypted with that come by EventBridge's API: each the base64 of 32
	// bytes, as a reference. The first encrypts, all decrypt, so that keys can be rotated.
	SecretKeys []Secret `yaml:"secret_keys" example:"[YW4tZXhhbXBsZS1vZi1hLWtleS1vZi0zMi1ieXRlcyE=]"`

	// Limits bound what is taken in.
	Limits Limits `yaml:"limits"`
	// Retention is how long delivered events are kept: until the first bound is reached. An event with
	// a pending delivery is always kept.
	Retention Retention `yaml:"retention"`
	// Dedup is which events count as repeats of earlier ones.
	Dedup Dedup `yaml:"dedup"`
	// MinFreeDisk is how much room the data directory's disk must have for events to be accepted; 0 is
	// no limit.
	MinFreeDisk document.Size `yaml:"min_free_disk"`
	// DLQ bounds the dead-letter queue; the oldest dead letters are dropped.
	DLQ DLQ `yaml:"dlq"`
	// TargetGone is what becomes of the deliveries of a target that vanishes from the rules.
	TargetGone TargetGone `yaml:"target_gone"`
	// Reload bounds what a reload of the rules may change.
	Reload Reload `yaml:"reload"`
	// Quotas are limits of AWS's that hold for EventBridge's API here too.
	Quotas Quotas `yaml:"quotas"`
	// Metrics is what is counted.
	Metrics Metrics `yaml:"metrics"`
	// Telemetry is what is sent of what the router does, and where.
	Telemetry Telemetry `yaml:"telemetry"`
	// Trace is whether what came of each event is kept, so that its trace can be shown.
	Trace string `yaml:"trace" enum:"on|off"`
	// Cluster makes the router one node of several.
	Cluster Cluster `yaml:"cluster"`
	// Console is whether the web pages are served at /ui/.
	Console string `yaml:"console" enum:"on|off"`
	// MaxHops is how many steps may lie between an event and the one that its story began with, where
	// targets answer with events or buses pass them on.
	MaxHops int `yaml:"max_hops" min:"1" max:"1000"`
	// MaxDerived is how many events may come of one, by replies, bus targets, and so on from those.
	MaxDerived int `yaml:"max_derived" min:"1" max:"1000000"`
	// DrainDelay is how long events are still taken in after a stop was asked for, so that
	// load balancers see by then that the router is not ready.
	DrainDelay time.Duration `yaml:"drain_delay" min:"0s"`
	// ShutdownTimeout is how long a stop waits for running deliveries; the leader of a cluster waits for half of it, and 5s at most.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" above:"0s"`
	// Log is what is logged, and how.
	Log Log `yaml:"log"`

	// Loaded is told of the texts of rule files and catalog files that were loaded without a fault; it
	// may be nil.
	Loaded func(rules.Files) `yaml:"-" json:"-"`

	root *document.Node // the file; nil for Default
	// listenGiven means that Listen is not the file's.
	listenGiven bool
	// readAt is before the file was read.
	readAt time.Time
	// keys are SecretKeys, ready for use.
	keys secret.Keys
	// given resolve references; secrets do it too, and note the files.
	given, secrets secret.Source
	secretFiles    *[]string
}

// Limits bound what is taken in.
type Limits struct {
	// MaxBody is the greatest size of a request's body, in bytes.
	MaxBody document.Size `yaml:"max_body" min:"1"`
	// MaxEntries is how many events one request may carry at /v1/events. PutEvents has its own limit,
	// which is AWS's.
	MaxEntries int `yaml:"max_entries" min:"1"`
	// MaxDepth is how deep the JSON of an event may nest.
	MaxDepth int `yaml:"max_depth" min:"1"`
	// MaxPending is how many pending deliveries stop the acceptance of events; 0
	// is no limit.
	MaxPending int `yaml:"max_pending" min:"0"`
	// HeaderTimeout is how long a client may take for the head of a request.
	HeaderTimeout time.Duration `yaml:"header_timeout" above:"0s"`
	// Memory is what the router is held to: at least 64MiB. 0 is 60 % of what the machine or its
	// control group has.
	Memory document.Size `yaml:"memory" example:"2GiB"`
	// Connections bounds the connections of clients that are open: at least 16. 0 is as many as there
	// are file descriptors and memory for.
	Connections int `yaml:"connections" example:"1000"`
	// Window and WindowBytes bound the deliveries of one target that are held in
	// memory; the rest waits on disk.
	Window      int           `yaml:"window" min:"1"`
	WindowBytes document.Size `yaml:"window_bytes" min:"1"`
}

// Retention is how long delivered events are kept; the first bound that is
// reached counts. An event with a pending delivery is always kept.
type Retention struct {
	// MaxAge is how long an event is kept at most.
	MaxAge time.Duration `yaml:"max_age" above:"0s"`
	// MaxBytes is how much the events may take on disk.
	MaxBytes document.Size `yaml:"max_bytes" min:"1"`
}

// Dedup is which events count as repeats of earlier ones.
type Dedup struct {
	// Window is for how long an event with the same id and source, or the same
	// dedup key, on the same bus is a duplicate; 0 takes every event.
	Window time.Duration `yaml:"window" min:"0s" max:"24h"`
}

// DLQ bounds the dead-letter queue; 0 is no bound. The oldest dead letters are dropped.
type DLQ struct {
	// MaxAge is how long a dead letter is kept; 0 is no bound.
	MaxAge time.Duration `yaml:"max_age" min:"0s" example:"30d"`
	// MaxBytes is how much dead letters may take on disk; 0 is no bound.
	MaxBytes document.Size `yaml:"max_bytes" example:"5GiB"`
}

// Quotas are limits of AWS's that EventBridge's API can hold; 0 is no limit.
type Quotas struct {
	// TargetsPerRule is how many targets a rule of the API may have; AWS allows 5.
	TargetsPerRule int `yaml:"targets_per_rule" min:"0" example:"5"`
	// ReplaysAtOnce is how many replays may be at work when another is started by the API; AWS allows 10.
	ReplaysAtOnce int `yaml:"replays_at_once" min:"0" example:"10"`
}

// Metrics is what is counted.
type Metrics struct {
	// MaxRules is the most rules of which each has figures of its own.
	MaxRules int `yaml:"max_rules" min:"1"`
	// MaxTargets is the most targets of which each has figures of its own.
	MaxTargets int `yaml:"max_targets" min:"1"`
}

// TargetGone is what becomes of the deliveries of a target that vanishes from the
// rules.
type TargetGone struct {
	// Wait is how long they wait for it to be defined again before they go to the
	// dead-letter queue; 0 is not at all.
	Wait time.Duration `yaml:"wait" min:"0s"`
}

// Reload bounds what a reload of the rules may change.
type Reload struct {
	// MaxChange is the most that new rules may change of the deliveries of past events, from 0% to
	// 100%; no bound where it is left out.
	MaxChange *document.Percent `yaml:"max_change" example:"1%"`
	// Since is how far back those events are looked at.
	Since time.Duration `yaml:"since" above:"0s"`
}

// Log is what is logged, and how.
type Log struct {
	// Level is the least important that is logged.
	Level string `yaml:"level" enum:"debug|info|warn|error"`
	// Format is how a line looks.
	Format string `yaml:"format" enum:"console|json"`
}

// Default is the configuration of an empty config.yaml.
func Default() *Config {
	c := &Config{
		Dir:     ".",
		Listen:  "127.0.0.1:8080",
		DataDir: "data",
		Naming:  catalog.DefaultNaming(),
		Account: "000000000000",
		Region:  "local",
		Limits: Limits{
			MaxBody:       4 << 20,
			MaxEntries:    event.DefaultMaxBatch,
			MaxDepth:      event.DefaultMaxDepth,
			MaxPending:    10_000_000,
			HeaderTimeout: 5 * time.Second,
			Window:        1024,
			WindowBytes:   4 << 20,
		},
		Retention:       Retention{MaxAge: 7 * 24 * time.Hour, MaxBytes: 10 << 30},
		Dedup:           Dedup{Window: 5 * time.Minute},
		MinFreeDisk:     512 << 20,
		TargetGone:      TargetGone{Wait: 5 * time.Minute},
		Reload:          Reload{Since: time.Hour},
		Metrics:         Metrics{MaxRules: 5000, MaxTargets: 1000},
		Telemetry:       Telemetry{OTLP: OTLP{Sample: 0.01}},
		Cluster:         Cluster{Replicas: 3, SnapshotBytes: 256 << 20},
		Trace:           "on",
		Console:         "on",
		MaxHops:         32,
		MaxDerived:      10_000,
		ShutdownTimeout: 30 * time.Second,
		Log:             Log{Level: "info", Format: "console"},
	}
	c.resolveWith(secret.Source{})
	return c
}

// ListenOn replaces Listen by an address that was given elsewhere. What the file says of
// it, now and later, does not count then.
func (c *Config) ListenOn(address string) { c.Listen, c.listenGiven = address, true }

// LogOf returns what a file says of the log, even if the rest of it has faults; defaults
// stand for what can't be read.
func LogOf(path string) Log {
	var problems document.Problems
	c := Default()
	c.Path, c.Dir = path, filepath.Dir(path)
	if root := parse(path, &problems); root != nil {
		dec := &document.Decoder{Problems: &problems, Expand: c.expand}
		dec.Decode(root, c, document.Path{})
	}
	return c.Log
}

// Keys returns what secrets are encrypted with.
func (c *Config) Keys() secret.Keys { return c.keys }

// Load reads a configuration. An error is of the type document.Errors and holds
// every fault of the file; rule files are read by LoadRules.
func Load(path string) (*Config, error) { return load(path, secret.Source{}) }

func load(path string, secrets secret.Source) (*Config, error) {
	var problems document.Problems
	c := Default()
	c.Path, c.Dir, c.readAt = path, filepath.Dir(path), time.Now()
	c.resolveWith(secrets)
	if root := parse(path, &problems); root != nil {
		dec := &document.Decoder{Problems: &problems, Expand: c.expand}
		dec.Decode(root, c, document.Path{})
		c.root = root
		c.validate(root, &problems)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(c.DataDir) {
		c.DataDir = filepath.Join(c.Dir, c.DataDir)
	}
	c.TLS = c.TLS.in(c.Dir)
	return c, nil
}

// noFile is fs.ErrNotExist for errors.Is, without a text of its own.
type noFile struct{}

func (noFile) Error() string        { return "" }
func (noFile) Is(target error) bool { return target == fs.ErrNotExist }

// parse returns nil if it noted a fault.
func parse(path string, problems *document.Problems) *document.Node {
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no such file; write one (listen:, data_dir: and rules: are enough), or name another with --config%w", noFile{})
	}
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	if err == nil && len(src) == 0 {
		// Rewriting the file in place passes through this state.
		err = errors.New("is empty; write listen:, data_dir: and rules: into it")
	}
	var root *document.Node
	if err == nil {
		root, err = document.Parse(path, src)
	}
	if err != nil {
		problems.AddError(path, err)
		return nil
	}
	if root == nil {
		root = &document.Node{Kind: document.Mapping, Pos: document.Position{File: path}}
	}
	return root
}

// LoadRules reads all rule files, the targets and buses of the configuration, and the
// documents of other sources, into one Set.
func (c *Config) LoadRules(others ...rules.Documents) (*rules.Set, error) {
	return rules.Load(c.source(nil, others))
}

// LoadRulesOf is LoadRules with these texts in place of those of files.
func (c *Config) LoadRulesOf(files rules.Files, others ...rules.Documents) (*rules.Set, error) {
	src := c.source(nil, others)
	src.Files = &files
	return rules.Load(src)
}

// source is where rules are read from while another Set serves.
func (c *Config) source(previous *rules.Set, others []rules.Documents) rules.Source {
	return rules.Source{
		Globs:       c.Rules,
		Dir:         c.Dir,
		Targets:     c.Targets,
		Buses:       c.Buses,
		Hooks:       c.Hooks,
		Connections: c.Connections,
		Sources:     c.Sources,
		Archives:    c.Archives,
		NoOpenHooks: !c.OpenHooks(),
		Catalog:     c.Catalog,
		Naming:      c.Naming,
		Account:     c.Account,
		Region:      c.Region,
		Secrets:     c.secrets,
		Limits:      c.Secrets,
		Previous:    previous,
		Loaded:      c.Loaded,
		Others:      others,
	}
}

// watched is every path whose change can change the rules, as far as it is known:
// the files that references name are those that have been read.
func (c *Config) watched() []string {
	paths := []string{c.Path}
	for _, pattern := range slices.Concat(c.Rules, c.Catalog) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(c.Dir, pattern)
		}
		paths = append(paths, pattern)
	}
	return append(append(paths, *c.secretFiles...), c.TLS.paths()...)
}
