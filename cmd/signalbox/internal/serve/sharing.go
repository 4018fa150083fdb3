package serve

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/ingest"
	"signalbox/machine"
	"signalbox/targets"
)

// shareOut finds what the machine gives, and what each part of the router may use of it.
func (s *server) shareOut(registry prometheus.Registerer) {
	s.memory = machine.ShareMemory(int64(s.cfg.Limits.Memory))
	end := s.memory.Hold()
	s.life.onStop("memory", func(context.Context) error { end(); return nil })
	s.files = machine.ShareFiles(machine.FileLimit(), s.memory)
	if n := s.cfg.Limits.Connections; n > 0 {
		s.files.Connections = n
	}
	s.bounds = ingest.NewLoad(s.files.Connections, s.memory, registry)
}

// shortages returns what the machine may have too little of for what is configured.
func (s *server) shortages() (all []string) {
	f := s.files
	if needs := f.Needs(); needs > f.Total {
		all = append(all, fmt.Sprintf("the router needs %d file descriptors, with %d connections of clients, and may open %d: raise the limit (ulimit -n, LimitNOFILE), or lower limits.connections",
			needs, f.Connections, f.Total))
	}
	if n := connectionsOf(s.set.Targets); n > f.Targets {
		all = append(all, fmt.Sprintf("the concurrency of all http targets together is %d, and %d file descriptors are left for them: raise the limit (ulimit -n, LimitNOFILE), now %d, or lower concurrency",
			n, f.Targets, f.Total))
	}
	return all
}

// connectionsOf counts how many connections targets may have open at once.
func connectionsOf(all map[string]targets.Config) (n int) {
	for _, cfg := range all {
		if cfg.Type == "http" {
			n += max(1, cfg.Concurrency)
		}
	}
	return n
}
