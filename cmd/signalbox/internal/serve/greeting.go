package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/console"
	"signalbox/rules"
)

// greet prints in a few lines what runs, and how to try it.
func (s *server) greet() {
	if s.cfg.Log.Format == "json" {
		s.greetLog()
		return
	}
	w := new(bytes.Buffer)
	defer func() { _, _ = s.Stderr.Write(w.Bytes()) }()
	fmt.Fprintf(w, "signalbox %s listens on %s://%s\n", s.Version, s.cfg.TLS.Scheme(), s.http.Addr())
	fmt.Fprintf(w, "  rules    %s\n", ruleLine(s.set))
	fmt.Fprintf(w, "  targets  %s\n", targetLine(s.set))
	fmt.Fprintf(w, "  journal  %s\n", s.journalLine())
	if s.cfg.Console == "on" {
		fmt.Fprintf(w, "  console  %s%s\n", cli.Reachable(s.cfg.TLS.Scheme(), s.http.Addr().String()), console.Path)
	}
	for _, warning := range s.warnings() {
		fmt.Fprintf(w, "  warning  %s\n", warning)
	}
	if s.certs != nil {
		for _, warning := range s.certs.Warnings() {
			fmt.Fprintf(w, "  warning  tls: %s\n", warning)
		}
	}
	s.invite(w)
}

// greetLog is greet as entries of the log.
func (s *server) greetLog() {
	d, _ := s.journal.Counters.Totals()
	s.log.Info("listening", zap.String("version", s.Version), zap.String("url", s.cfg.TLS.Scheme()+"://"+s.http.Addr().String()),
		zap.Int("rules", len(s.set.Rules)), zap.Int("targets", len(s.set.Targets)), zap.String("data_dir", s.cfg.DataDir),
		zap.Uint64("pending", d.Pending()), zap.Uint64("dead_letters", d.Dead))
	for _, warning := range s.warnings() {
		s.log.Warn("configuration has a warning", zap.String("warning", warning))
	}
}

// warnings are those of the files, and of what the machine is short of.
func (s *server) warnings() (all []string) {
	for _, warning := range slices.Concat(s.cfg.Warnings(), s.set.Warnings) {
		all = append(all, warning.Error())
	}
	if s.term != nil {
		for _, name := range slices.Sorted(maps.Keys(s.set.Archives)) {
			if folder := s.set.Archives[name].Folder; folder != "" {
				all = append(all, fmt.Sprintf("archive %q is in the folder %s: share it among the nodes of the cluster, or keep the archive in a bucket (s3)", name, folder))
			}
		}
	}
	return append(all, s.shortages()...)
}

func ruleLine(set *rules.Set) string {
	states := map[rules.State]int{}
	for _, r := range set.Rules {
		states[r.State]++
	}
	parts := []string{cli.Count(len(set.Rules), "rule")}
	for _, state := range []rules.State{rules.Paused, rules.Shadow, rules.Disabled} {
		if n := states[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return fmt.Sprintf("%s, from %s", strings.Join(parts, ", "), cli.Count(len(set.Files), "file"))
}

// maxNamed bounds how many targets are greeted by name.
const maxNamed = 8

func targetLine(set *rules.Set) string {
	if len(set.Targets) == 0 {
		return "none"
	}
	var named []string
	for _, name := range slices.Sorted(maps.Keys(set.Targets)) {
		if len(named) == maxNamed {
			named = append(named, fmt.Sprintf("and %d more", len(set.Targets)-maxNamed))
			break
		}
		named = append(named, fmt.Sprintf("%s (%s)", name, set.Targets[name].Type))
	}
	return strings.Join(named, ", ")
}

func (s *server) journalLine() string {
	deliveries, _ := s.journal.Counters.Totals()
	line := s.cfg.DataDir
	if n := deliveries.Pending(); n > 0 {
		line += fmt.Sprintf(", %d pending from before", n)
	}
	if deliveries.Dead > 0 {
		line += fmt.Sprintf(", %s (see: signalbox dlq list)", cli.Count(int(deliveries.Dead), "dead letter"))
	}
	return line
}

// invite returns a command that sends an event which one of the rules is about.
func (s *server) invite(w io.Writer) {
	source, detailType := sample(s.set)
	body := fmt.Sprintf(`{"source": %q, "detail-type": %q, "detail": {"hello": "world"}}`, source, detailType)
	key := ""
	if s.cfg.HasKeys() {
		key = ` -H "Authorization: Bearer $` + cli.KeyVariable + `"`
	}
	_, port, _ := net.SplitHostPort(s.http.Addr().String())
	base := cli.Reachable(s.cfg.TLS.Scheme(), s.cfg.Listen)
	if u, err := url.Parse(base); err == nil {
		base = u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
	}
	quoted := strings.ReplaceAll(body, "'", `'\''`)
	fmt.Fprintf(w, "try:\n  curl -s %s/v1/events -H 'Content-Type: application/json'%s -d '%s'\n", base, key, quoted)
}

// maxSampled is how many rules are looked through for a sample.
const maxSampled = 1000

// sample finds a source and a detail-type that a rule is about; best in one that
// asks for nothing else.
func sample(set *rules.Set) (source, detailType string) {
	const anySource, anyType = "example.app", "SomethingHappened"
	for _, r := range set.Rules[:min(len(set.Rules), maxSampled)] {
		var p struct {
			Source     []any
			DetailType []any `json:"detail-type"`
			Detail     any
		}
		if r.State != rules.Enabled || r.Bus != rules.DefaultBus || r.Pattern == r.Firing || json.Unmarshal(r.Pattern.Source(), &p) != nil {
			continue
		}
		alone := p.Detail == nil && r.When == nil
		if source == "" || alone {
			source, detailType = firstText(p.Source, anySource), firstText(p.DetailType, anyType)
		}
		if alone {
			break
		}
	}
	if source == "" {
		return anySource, anyType
	}
	return source, detailType
}

// firstText is the first of the values that is a string, and not an operator.
func firstText(values []any, otherwise string) string {
	for _, v := range values {
		if s, ok := v.(string); ok {
			return s
		}
	}
	return otherwise
}
