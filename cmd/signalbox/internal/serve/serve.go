// Package serve is the command that runs the router.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"signalbox/api"
	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/auth"
	"signalbox/awsapi"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
	"signalbox/history"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/machine"
	"signalbox/router"
	"signalbox/rules"
	"signalbox/schedule"
	"signalbox/secret"
	"signalbox/sources"
	"signalbox/targets/egress"
	"signalbox/telemetry"
)

// New returns the command serve.
func New(c *cli.Env) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the router",
		Long: `Run the router until SIGINT or SIGTERM: after drain_delay it takes no more
events, lets attempts under way end within shutdown_timeout, and continues where it
stopped at the next start. A second signal ends it at once.

Rule files, and targets, connections, buses, hooks, sources and archives of the
configuration, are read again when they change, on SIGHUP, and on POST /-/reload. A
file with a fault changes nothing.`,
		Example: `  signalbox serve
  signalbox serve --config /etc/signalbox/config.yaml
  signalbox serve --listen 127.0.0.1:9090`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := net.SplitHostPort(listen); listen != "" && err != nil {
				return cli.WrongUsage("--listen %q: write host:port, such as %s", listen, config.Default().Listen)
			}
			kept := new(lastGood)
			c.Loaded = kept.loaded
			cfg, set, err := loadUntil(cmd.Context(), c.Load)
			s := newServer(c, cfg, set)
			s.lastGood, s.listen = kept, listen
			defer s.adoptStdLog()()
			if cfg == nil || err != nil && (cfg.Cluster.On() || !s.mayHaveStore()) {
				return err
			}
			s.faults = err
			if listen != "" {
				cfg.ListenOn(listen)
			}
			if set != nil {
				if err := cfg.CheckHooks(set); err != nil {
					return err
				}
			}
			if cfg.Cluster.On() {
				return s.runNode(cmd.Context())
			}
			return s.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "listen on this address in place of the configured one")
	return cmd
}

// server is one run of the router with all that is around it.
type server struct {
	*cli.Env
	cfg *config.Config
	set *rules.Set
	// faults are why the rules of files alone don't make a Set.
	faults   error
	lastGood *lastGood
	// listen is where to listen in place of the configuration's; it may be empty.
	listen string
	log    *zap.Logger
	life   lifecycle
	// outlet is where log writes to, as does cli's stderr.
	outlet *outlet
	// exit ends the process.
	exit func(code int)
	// memory and files are what the machine gives, bounds what of it requests may use. They
	// are set by shareOut.
	memory machine.Memory
	files  machine.Files
	bounds *ingest.Load
	// reloads counts those who may be reloading.
	reloads sync.WaitGroup

	// These are made by start.
	audit    *audit.Log
	history  *history.Recorder
	guard    *ingest.Guard
	egress   *egress.Guard
	ingest   *ingest.Handler
	hooks    *ingest.Hooks
	sources  *sources.Supervisor
	archiver *archiver.Archiver
	tracer   *telemetry.Tracer // nil where no spans are exported
	schedule *schedule.Runner
	certs    *auth.Certificates // nil without TLS
	http     *ingest.Server
	front    *api.Front
	journal  *store.Journal
	router   *router.Router
	reloader *config.Reloader
	aws      *awsapi.API
	// documents are the rules that were made by API.
	documents *awsapi.Documents
	// sealing is what secrets are encrypted with; a reload may change it.
	sealing atomic.Pointer[sealing]
	// node is this router in its cluster, and term the time in which it leads; both are nil without one.
	node *clusterNode
	term *term
	// giveBack gives memory back to the system: what a load took, and the old rules, once for
	// several loads, as a change that was asked for is noticed by the watcher as well.
	giveBack *time.Timer
}

// newServer returns a server that has a log, which what the command writes goes to as well
// where the log is JSON. Both are nil where they have faults.
func newServer(c *cli.Env, cfg *config.Config, set *rules.Set) *server {
	ignoreBrokenPipes()
	s := &server{Env: c, cfg: cfg, set: set, lastGood: new(lastGood), outlet: &outlet{w: cli.StreamOf(c.Stderr).(io.Writer)}, exit: os.Exit, front: new(api.Front)}
	format := config.Default().Log
	if cfg != nil {
		format = cfg.Log
	} else if info, err := os.Stat(c.ConfigPath); err == nil && info.Mode().IsRegular() { // a pipe has been read
		format = config.LogOf(c.ConfigPath)
	}
	s.log = newLogger(format, s.outlet)
	said := synced{cli.NewPrintable(s.outlet), s.outlet}
	if format.Format == "json" {
		said.Writer = logLines{s.log}
	}
	c.Stderr = said
	return s
}

// loadUntil loads the configuration and the rules, unless ctx ends before they are there.
func loadUntil(ctx context.Context, load func() (*config.Config, *rules.Set, error)) (*config.Config, *rules.Set, error) {
	type files struct {
		cfg *config.Config
		set *rules.Set
		err error
	}
	loaded := make(chan files, 1)
	go func() {
		var f files
		f.cfg, f.set, f.err = load()
		loaded <- f
	}()
	select {
	case f := <-loaded:
		return f.cfg, f.set, f.err
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// run starts everything, waits for the end, and stops everything.
func (s *server) run(ctx context.Context) error {
	defer s.endInTime(ctx)()
	err := s.start()
	if err == nil {
		s.greet()
		s.notify(notifyReady)
		err = s.wait(ctx)
	}
	s.notify(notifyStopping)
	stopping, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout,
		fmt.Errorf("not done within shutdown_timeout (%v)", s.cfg.ShutdownTimeout))
	defer cancel()
	started := s.reloader != nil
	err = errors.Join(err, s.life.stop(stopping))
	if started {
		s.log.Info("stopped")
	}
	return err
}

// wait returns when the router is to stop.
func (s *server) wait(ctx context.Context) error {
	select {
	case err := <-s.http.Failed():
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
		err := s.drain()
		s.log.Info("stopping; attempts under way may end", zap.Duration("within", s.cfg.ShutdownTimeout))
		return err
	}
}

// start starts the parts in order. What has been started is stopped by life, also
// where a later part fails. The port is bound first, so that health can be asked
// for while the journal recovers.
func (s *server) start() error {
	registry := s.newRegistry()
	if err := s.startHTTP(registry); err != nil {
		return err
	}
	return s.startRouter(registry, registry, store.Options{})
}

// newRegistry returns a registry with the figures of the process.
func (s *server) newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(s.Version))
	s.outlet.register(registry)
	return registry
}

// startHTTP begins to listen.
func (s *server) startHTTP(registry *prometheus.Registry) (err error) {
	s.shareOut(registry)
	options := ingest.ServerOptions{
		Listen: s.cfg.Listen,
		// The keys are asked for behind the front: health needs none.
		AllowUnauthenticated: s.cfg.AllowUnauthenticated || s.cfg.Authenticates(),
		ReadHeaderTimeout:    s.cfg.Limits.HeaderTimeout,
		Logger:               s.log,
		MaxConnections:       s.files.Connections,
		Registerer:           registry,
	}
	if s.cfg.TLS.On() {
		if s.certs, err = auth.NewCertificates(s.cfg.TLS.Files(), s.log, registry); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		options.TLS = s.certs.Config()
	}
	if s.http, err = ingest.NewServer(s.front, options); err != nil {
		return inUse(err)
	}
	s.life.onStop("HTTP", s.stopHTTP)
	s.http.Start()
	return nil
}

// startRouter starts all that is behind HTTP. What it counts goes to the registry, and what is shown comes of
// the gatherer; in says how the store is opened.
func (s *server) startRouter(registry *prometheus.Registry, gatherer prometheus.Gatherer, in store.Options) error {
	keys, err := s.cfg.KeySet()
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	in.Logger, in.Fatal, in.MaxOpenFiles = s.log, s.fatal, s.files.Store
	if s.journal, err = store.Open(s.cfg.DataDir, in); err != nil {
		return err
	}
	s.life.onStop("journal", func(context.Context) error { return s.journal.Close() })
	s.life.onStop("reloads", s.stopReloads)
	if err := s.addDocuments(); err != nil {
		return err
	}

	if s.audit, err = audit.New(s.journal.Audit, s.log, registry); err != nil {
		return err
	}
	s.audit.Start()
	s.life.onStop("audit", s.audit.Stop)
	s.guard = ingest.NewGuard(keys, s.cfg.Hosts(), int64(s.cfg.Limits.MaxBody), s.audit.Refused)

	if s.egress, err = egress.New(s.cfg.Egress); err != nil {
		return err
	}
	if err := s.startTracer(registry); err != nil {
		return err
	}
	if err := s.startArchives(registry); err != nil {
		return err
	}
	s.useSecretKeys(s.cfg)
	if s.router, err = router.New(s.routerOptions(registry), s.set); err != nil {
		return err
	}
	s.bounds.Yield(s.router.IntakeLimit)
	s.router.Start()
	s.life.onStop("router", s.stopRouter)
	s.history = history.New(registry)
	s.history.Start()
	s.life.onStop("history", s.history.Stop)
	if err := s.startSchedules(registry); err != nil {
		return err
	}
	s.life.onStop("HTTP", s.stopIntake) // before the router: nothing comes in any more

	data, err := filepath.Abs(s.cfg.DataDir) // documents name the folder, wherever the router is started
	if err != nil {
		return err
	}
	stopping, stop := context.WithCancel(context.Background())
	s.aws = awsapi.New(awsapi.Options{
		Rules: s.router.Rules, Documents: s.documents, Audit: s.audit, Account: s.cfg.Account, Region: s.cfg.Region, Since: s.written(), Logger: s.log,
		Keys: s.secretKeys, Archives: s.archiver, Replays: s.router.Replays, ArchiveFolder: filepath.Join(data, "archives"), Quotas: awsapi.Quotas(s.cfg.Quotas),
		Change: func(others []rules.Documents, keep func() error) error {
			return s.reloader.Change(context.Background(), others, keep)
		},
	})
	s.ingest = s.newIngest(registry, stopping)
	s.hooks = ingest.NewHooks(s.ingest, s.guard.AllowsHost)
	s.hooks.Set(s.set.Hooks)
	s.sources = s.newSources(registry)
	s.sources.Set(s.set.Sources)
	s.life.onStop("sources", s.sources.Stop) // before the router, as HTTP
	s.life.onStop("archives", s.archiver.Stop)

	s.giveBack = time.AfterFunc(giveBackAfter, debug.FreeOSMemory)
	s.life.onStop("memory", func(context.Context) error {
		s.giveBack.Stop()
		return nil
	})
	s.reloader = config.NewReloader(config.ReloaderOptions{
		Config: s.cfg, Set: s.set, Others: []rules.Documents{s.documents.Source()}, LastGood: s.lastGood.read, Swap: s.swap, Judge: s.judge, Apply: s.apply, Observe: s.observe(newReloads(s.log, registry)),
	})
	if s.faults != nil { // which the status, the log and the metrics then tell
		_, _ = s.reloader.Reload(context.Background())
	}
	s.watch()

	s.open(s.bounds.Bound(ingest.SameOrigin(s.handler(gatherer, stopping))))
	s.giveBack.Reset(giveBackAfter)
	s.life.onStop("readiness", func(context.Context) error {
		s.close()
		stop()
		return nil
	})
	return nil
}

// buildInfo is the metric that says which program runs.
func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "signalbox_build_info", Help: "1, with the version of the program and of Go in its labels.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	}, func() float64 { return 1 })
}

// written returns when the configuration was written, which is the same after a restart.
func (s *server) written() time.Time {
	if info, err := os.Stat(s.cfg.Path); err == nil {
		return info.ModTime()
	}
	return time.Now()
}

// apply puts in use what of a reload is not rules.
func (s *server) apply(next *config.Config) error {
	if err := s.applyKeys(next); err != nil {
		return err
	}
	s.useSecretKeys(next)
	return s.egress.Set(next.Egress)
}

// sealing is what secrets are encrypted with: the keys of a configuration, and those that were in use before.
type sealing struct {
	given []config.Secret
	keys  secret.Keys
}

// useSecretKeys puts the keys of a configuration before those in use. These still decrypt what serves, even where
// no rules can be loaded without them.
func (s *server) useSecretKeys(c *config.Config) {
	now, next := s.sealing.Load(), &sealing{c.SecretKeys, c.Keys()}
	if now != nil {
		if slices.Equal(now.given, c.SecretKeys) {
			return
		}
		next.keys = slices.Concat(next.keys, now.keys)
	}
	s.sealing.Store(next)
}

// secretKeys are what secrets are encrypted with.
func (s *server) secretKeys() secret.Keys { return s.sealing.Load().keys }

// applyKeys puts the keys and the allowed hosts of a reload in use. Where the router listens,
// and at which address others reach it, stays as it was started.
func (s *server) applyKeys(next *config.Config) error {
	keys, err := next.KeySet()
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	if keys.Empty() && !s.cfg.Loopback() && s.cfg.TLS.ClientCAFile == "" && !next.AllowUnauthenticated {
		return fmt.Errorf("auth: the keys are gone, but until it starts again the router listens on %s, where everybody could call: "+
			"restart it, or set allow_unauthenticated: true", s.cfg.Listen)
	}
	hosts := *s.cfg
	hosts.AllowedHosts = next.AllowedHosts
	if s.guard != nil {
		s.guard.Set(keys, hosts.Hosts())
	}
	if s.node != nil {
		s.node.guard.Set(keys, hosts.Hosts())
	}
	return nil
}

// giveBackAfter is how long after a load its memory is given back.
const giveBackAfter = 500 * time.Millisecond

// observe returns what is told of every reload: the certificate is read again with each,
// also where the rules have faults. Those that changed files led to are audited here, and the
// others by those who asked for them.
func (s *server) observe(r *reloads) func(config.Outcome) {
	return func(o config.Outcome) {
		r.observe(o)
		if s.node != nil {
			s.node.SetFaults(config.Faults(o.Err))
		}
		s.giveBack.Reset(giveBackAfter)
		if o.Noticed && (o.Changed || o.Recovered || o.Err != nil && !o.Repeated) {
			s.auditFiles(o)
		}
		if s.certs != nil {
			s.certs.Reload()
		}
	}
}

// auditFiles notes that changed files were read: what serves now, or why it does not change.
func (s *server) auditFiles(o config.Outcome) {
	did, problem := s.audit.Signal("files", "reload"), ""
	if did.Detail(map[string]string{"revision": o.Set.Revision}); o.Err != nil {
		problem = o.Err.Error()
	}
	did.End(problem)
}

// inUse returns how to fix a port that is taken.
func inUse(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: stop the program that has it, or set listen to another port", err)
	}
	return err
}

// fatal ends the process when the journal can't write safely any more: going on
// would acknowledge events that are not on disk.
func (s *server) fatal(err error) {
	if s.term != nil && s.term.Err() != nil {
		s.log.Warn("the store could not be written to after the term had ended", zap.Error(err))
		return
	}
	fmt.Fprintf(s.Stderr, "signalbox: the journal in %s can't be written safely, so the router stops at once: %v\n"+
		"Look at the disk (space, rights, faults) and start again; signalbox verify says whether what lies there is whole.\n", s.cfg.DataDir, err)
	_ = s.outlet.Sync()
	s.exit(cli.ExitError)
}

// swap puts other rules in use, and the hooks, sources and archives that stand beside them.
func (s *server) swap(set *rules.Set) error {
	if err := s.router.Swap(set); err != nil {
		return err
	}
	s.hooks.Set(set.Hooks)
	s.sources.Set(set.Sources)
	s.archiver.Set(set.Archives)
	s.schedule.Set(set.Schedules())
	return nil
}
