package serve

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/archive/archiver"
	"signalbox/archive/place"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/schedule"
	"signalbox/secret"
	"signalbox/sources"
	"signalbox/telemetry"
)

// routerOptions are what the router is made of.
func (s *server) routerOptions(registry prometheus.Registerer) router.Options {
	limits := s.cfg.Limits
	o := router.Options{
		Egress: s.egress, Secrets: secret.Source{Keys: s.secretKeys},
		Journal: s.journal, Logger: s.log, Registerer: registry, Stdout: cli.StreamOf(s.Stdout).(io.Writer),
		Account: s.cfg.Account, Region: s.cfg.Region,
		MaxPending: uint64(limits.MaxPending), MinFreeDisk: uint64(s.cfg.MinFreeDisk),
		Retention: store.Retention{MaxAge: s.cfg.Retention.MaxAge, MaxBytes: uint64(s.cfg.Retention.MaxBytes)},
		Past:      s.archiver.Reader(),
		Window:    limits.Window, WindowBytes: int(limits.WindowBytes), Memory: s.memory.Lanes,
		DeadLetters:    dlq.Bounds{MaxAge: s.cfg.DLQ.MaxAge, MaxBytes: uint64(s.cfg.DLQ.MaxBytes)},
		TargetGoneWait: s.cfg.TargetGone.Wait, MetricsMaxRules: s.cfg.Metrics.MaxRules, MetricsMaxTargets: s.cfg.Metrics.MaxTargets,
		Trace:       s.cfg.Trace == "on",
		MaxHops:     s.cfg.MaxHops,
		MaxDerived:  s.cfg.MaxDerived,
		DedupWindow: s.cfg.Dedup.Window,
		PublicURL:   s.publicURL(),
		Version:     s.Version,
		Tracer:      s.tracer,
	}
	if s.term != nil {
		o.Leads, o.Takes = s.term.Leads, s.term.Takes
	}
	return o
}

// startTracer begins to export spans, where somebody wants them.
func (s *server) startTracer(registry prometheus.Registerer) error {
	options, err := s.cfg.Spans(s.Version, os.Getenv)
	if err != nil {
		s.log.Warn("spans are not exported", zap.Error(err))
		return nil
	}
	if s.tracer, err = telemetry.New(options, s.log, registry); err != nil {
		return fmt.Errorf("telemetry.otlp: %w", err)
	}
	s.tracer.Start()
	s.life.onStop("spans", s.tracer.Stop)
	return nil
}

// publicURL is where the references in notifications point to.
func (s *server) publicURL() string {
	if s.cfg.PublicURL != "" {
		return strings.TrimRight(s.cfg.PublicURL, "/")
	}
	return cli.Reachable(s.cfg.TLS.Scheme(), s.http.Addr().String())
}

// startArchives begins to write archives, before anything reads them, or retention drops anything.
func (s *server) startArchives(registry *prometheus.Registry) (err error) {
	if s.archiver, err = archiver.New(archiver.Options{
		Journal: s.journal, Logger: s.log, Registerer: registry, Env: place.Env{Egress: s.egress, Spool: s.cfg.DataDir},
	}); err != nil {
		return err
	}
	s.archiver.Set(s.set.Archives)
	s.journal.Trimmer.Keep(s.archiver.Owed)
	s.front.Tell(s.archiver.Troubles)
	return nil
}

// startSchedules begins to fire the rules that have a schedule.
func (s *server) startSchedules(registry *prometheus.Registry) (err error) {
	if s.schedule, err = schedule.NewRunner(schedule.Options{
		Accept: s.router.Accept, Marks: s.journal.Schedules, Logger: s.log, Registerer: registry,
		Known: func(id string) bool {
			e, err := s.router.Traces.Event(id)
			return err == nil && e.Parsed.Meta.Scheduled
		},
	}); err != nil {
		return err
	}
	s.schedule.Set(s.set.Schedules())
	s.schedule.Start()
	s.life.onStop("schedules", s.schedule.Stop) // before the router, as HTTP
	return nil
}

// newSources returns what takes the messages of brokers.
func (s *server) newSources(registry *prometheus.Registry) *sources.Supervisor {
	return sources.NewSupervisor(sources.SupervisorOptions{
		Accepter: s.router, Limits: event.Limits{MaxDepth: s.cfg.Limits.MaxDepth}, Registerer: registry,
		Env: sources.Env{Logger: s.log, Egress: s.egress, Version: s.Version}, Turn: s.bounds.Turn,
		Paused: func(name string) *sources.Pause {
			p := s.router.Pauses.OfSource(name)
			if p == nil {
				return nil
			}
			return &sources.Pause{By: p.By, Since: p.Since}
		},
	})
}

// newIngest returns what takes events.
func (s *server) newIngest(registry *prometheus.Registry, stopping context.Context) *ingest.Handler {
	limits := s.cfg.Limits
	return ingest.New(s.router, ingest.Options{
		MaxBody: int64(limits.MaxBody), MaxBatch: limits.MaxEntries, MaxDepth: limits.MaxDepth,
		Plan:    func(ctx context.Context, e *event.Event) (any, error) { return s.router.Plan(ctx, e) },
		Command: s.router.Commands.Command, Query: s.router.Commands.Query,
		Stopping:   stopping,
		Refused:    s.audit.Refused,
		Control:    s.aws,
		Registerer: registry, Logger: s.log,
	})
}
