package serve

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/config"
	"signalbox/diff"
	"signalbox/rules/files"
)

// reloads reports every reload: to the log, where something has changed, and to
// the metrics.
type reloads struct {
	log         *zap.Logger
	success     prometheus.Gauge
	lastSuccess prometheus.Gauge
	seconds     prometheus.Gauge
	needRestart []string // what was last logged
}

func newReloads(log *zap.Logger, reg prometheus.Registerer) *reloads {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	r := &reloads{
		log:         log,
		success:     gauge("signalbox_reload_success", "Whether the last reload of the rules succeeded."),
		lastSuccess: gauge("signalbox_reload_success_timestamp_seconds", "When the rules were last read without a fault, in Unix time."),
		seconds:     gauge("signalbox_reload_seconds", "Time that the last reload took."),
	}
	r.success.Set(1) // the router has started with rules
	r.lastSuccess.SetToCurrentTime()
	return r
}

// count notes a reload in the metrics.
func (r *reloads) count(o config.Outcome) {
	r.seconds.Set(o.Took.Seconds())
	if o.Err == nil {
		r.success.Set(1)
		r.lastSuccess.Set(float64(o.Started.UnixNano()) / float64(time.Second))
	} else {
		r.success.Set(0)
	}
}

// observe is a config.ReloaderOptions.Observe.
func (r *reloads) observe(o config.Outcome) {
	r.count(o)
	exceeded, refused := errors.AsType[*diff.Exceeded](o.Err)
	switch {
	case o.Err == nil || o.Repeated:
	case refused:
		r.log.Error("new rules would change too much; the old ones continue to serve (signalbox reload --force takes them nevertheless)",
			zap.Error(o.Err), zap.Strings("changes", exceeded.Result.Lines(5)))
	default:
		r.log.Error("rules have faults; the old ones continue to serve", zap.Error(o.Err))
	}
	switch {
	case o.Changed:
		r.log.Info("rules reloaded", zap.String("revision", o.Set.Revision), zap.Int("rules", len(o.Set.Rules)),
			zap.Int("targets", len(o.Set.Targets)), zap.Duration("took", o.Took))
		for _, w := range o.Set.Warnings {
			r.log.Warn("rule file has a warning", zap.String("warning", w.Error()))
		}
	case o.Recovered:
		r.log.Info("rules have no faults any more, and are those that serve")
	}
	if !slices.Equal(o.NeedRestart, r.needRestart) {
		r.needRestart = o.NeedRestart
		if len(o.NeedRestart) > 0 {
			r.log.Warn("configuration changed; this takes effect at the next start", zap.Strings("options", o.NeedRestart))
		}
	}
}

// watch reloads on changes of files and on hangups until the server stops.
func (s *server) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	hangup, stopHangups := hangups()
	s.reloads.Go(func() {
		s.reloader.Run(ctx, func(reason error) {
			s.log.Warn("changes of rule files are not told; they are looked for from time to time",
				zap.Duration("every", files.DefaultPoll), zap.Error(reason))
		})
	})
	s.reloads.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				if err := s.router.Reopen(); err != nil {
					s.log.Error("files of log targets can't be opened again", zap.Error(err))
				}
				did := s.audit.Signal("SIGHUP", "reload")
				problem := ""
				if _, err := s.reloader.Reload(ctx); err != nil { // it reaches reloads.observe
					problem = err.Error()
				}
				did.End(problem)
			}
		}
	})
	s.life.onStop("watching of files", func(context.Context) error {
		stopHangups()
		cancel()
		return nil
	})
}
